// Dependencies point one way (ARCHITECTURE.md): each folder may import only from those behind it.
const layers = [
  ['agent', 'sim', 'bench'],
  ['client'],
  ['src/api', 'src/ingest', 'src/dialling', 'src/call'],
  [
    'src/tools',
    'src/hooks',
    'src/crm',
    'src/telephony',
    'src/gate',
    'src/analysis',
    'src/recording',
  ],
  ['src/delivery'],
  ['src/ledger', 'src/events'],
  ['src/store'],
  ['src/config', 'src/cost'],
];

const forbidden = [];
layers.forEach((layer, index) => {
  const above = layers.slice(0, index).flat();
  if (above.length === 0) return;
  forbidden.push({
    name: `${layer.join('-')}-imports-upwards`,
    severity: 'error',
    from: { path: `^(${layer.join('|')})/`, pathNot: '\\.test\\.ts$|/testing/|_conformance\\.ts$' },
    to: { path: `^(${above.join('|')})/` },
  });
});
forbidden.push({
  name: 'nothing-imports-circularly',
  severity: 'error',
  from: {},
  to: { circular: true },
});
forbidden.push({
  name: 'the-product-does-not-need-its-stand-ins',
  severity: 'error',
  from: { path: '^(src|agent|stack)/', pathNot: '\\.test\\.ts$' },
  to: { path: '^sim/' },
});

module.exports = {
  forbidden,
  options: {
    doNotFollow: { path: 'node_modules' },
    // TypeScript 7 has no API that dependency-cruiser can use; swc does not know `using`, which only
    // tests use.
    exclude: { path: '\\.test\\.ts$' },
    parser: 'swc',
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.cjs', '.json'] },
  },
};
