import { describe, test } from 'node:test';
import { conformance } from '../conformance.ts';
import { freshPostgres, postgresMissing } from './postgres.fixture.ts';

const skip = postgresMissing ?? false;

for (const prepare of [true, false])
  describe(`postgres${prepare ? '' : ', unprepared'}`, { skip }, () => {
    for (const { name, run } of conformance(() => freshPostgres({ prepare }))) test(name, run);
  });
