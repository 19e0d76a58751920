// Before any native module is loaded: those fail with messages that nobody can read.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 22)) {
  console.error(
    `Callwire needs Node 22.22 or newer, this is ${process.versions.node}.\n` +
      'Start it through npm (npm run …): the project brings its own Node.',
  );
  process.exit(1);
}
