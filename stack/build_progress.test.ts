import { describe, expect, it } from 'vitest';
import { expectedBuildMs, progressText } from './build_progress.ts';

describe('the progress of a build', () => {
  it('says how long it has taken and what is left', () => {
    expect(progressText(70_000, 210_000)).toBe('1:10, about 2:20 left');
  });

  it('promises nothing once the usual time is over', () => {
    expect(progressText(211_000, 210_000)).toBe('3:31, longer than usual, still building');
  });

  it('expects more cores to be faster, up to a point', () => {
    expect(expectedBuildMs(200_000, 2)).toBe(200_000);
    expect(expectedBuildMs(200_000, 1)).toBe(400_000);
    expect(expectedBuildMs(200_000, 4)).toBe(100_000);
    expect(expectedBuildMs(200_000, 64)).toBe(expectedBuildMs(200_000, 8));
  });
});
