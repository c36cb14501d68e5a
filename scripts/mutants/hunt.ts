import { shopStorm } from '../../examples/shop/storm/play.ts';
import { bankStorm } from '../../packages/seaworthy/src/testing/bank-storm.fixture.ts';

/** Plays storms from seed 1 on over one fleet, and prints the failure of the first that fails. */
const [over, seeds, instances] = process.argv.slice(2);
const play = over === 'shop' ? shopStorm : bankStorm;
for (let seed = 1; seed <= Number(seeds); seed++) {
  try {
    await play(seed, { instances: Number(instances) });
  } catch (error) {
    process.stdout.write(`${(error as Error).message}\n`);
    break;
  }
}
