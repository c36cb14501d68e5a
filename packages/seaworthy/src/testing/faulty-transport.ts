import { Unreachable } from '../client/errors.ts';
import type { CallRequest, Transport } from '../client/transport.ts';
import { disposable } from '../core/disposable.ts';
import type { Runtime } from '../core/runtime.ts';
import { sleep } from '../core/sleep.ts';
import type { Faults } from './faults.ts';

/** The same transport over a bad network: requests and answers are lost, late, or come twice. */
export function faultyTransport(transport: Transport, faults: Faults, { clock }: Pick<Runtime, 'clock'>): Transport & AsyncDisposable {
  return disposable({
    async send(attempt: CallRequest) {
      const { signal } = attempt;
      if (faults.strikes('transport/delayed')) await sleep(clock, faults.delayMs(), signal);
      if (faults.strikes('transport/request/lost')) throw new Unreachable('a fault: the request never arrived');
      if (faults.strikes('transport/request/duplicated')) {
        const again = (): void => void transport.send(attempt).catch(() => {});
        clock.after(faults.delayMs(), again, { background: true });
      }
      const lost = faults.strikes('transport/answer/lost');
      const answer = await transport.send(attempt);
      if (lost) throw new Unreachable('a fault: the answer was lost');
      return answer;
    },
    close: () => transport.close(),
  });
}
