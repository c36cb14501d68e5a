/** Whether this is the long run of `.ci/run`, which tries what `npm test` samples: each step of a death, more seeds, more requests. */
export const thorough = process.env['THOROUGH'] !== undefined;
