import type { Callable } from '../client/call.ts';
import type { Answer } from '../contract/answer.ts';
import type { At, Event, Operation } from '../contract/contract.ts';
import { sendable } from '../contract/request.ts';
import type { AnySaga, Saga } from '../saga/definition.ts';
import { type Cause, type Entry, instanceOf, type SagaState } from '../saga/instance.ts';
import type { Service } from '../service/service.ts';
import type { Value } from '../store/store.ts';
import { GivenInvalid } from './errors.ts';
import { begin, type Came, play, type Setting } from './play.ts';
import { nameOf, type Scripted } from './script.ts';

/** How a saga ended. */
export interface Ended extends Came {
  readonly state: SagaState;
  /** The steps that were begun, in order, with what became of each. */
  readonly steps: readonly { readonly step: string; readonly state: Entry['state'] }[];
  /** Why it was undone. */
  readonly cause: Cause | undefined;
}

/** A service in a state, to which one thing is done. */
export interface Given {
  /** A row, or whatever one SQL statement puts there. */
  rows(sql: string, ...values: readonly Value[]): Given;
  /** What an operation of another service answers: the first call the first, and so on; the last for all that follow. */
  when<Sent, Output, E>(operation: Callable<string, Sent, Output, E>, ...answers: readonly Scripted<NoInfer<Output>, NoInfer<E>>[]): Given;
  /** Plays one of its sagas to its end: retries, timeouts and undos as ever, and in no time. Throws `GivenInvalid`. */
  saga<Input>(saga: Saga<string, string, never, Input>, input: NoInfer<Input>): Promise<Ended>;
  /** Lets an event come. Rejects with what the reaction throws. */
  event<Data>(event: Event<unknown, Data> & At, data: NoInfer<Data>): Promise<Came>;
  /** Calls one of its own operations: the answer is its output or a declared error. */
  call<Sent, Output, E>(
    operation: Callable<string, Sent, Output, E>,
    input: NoInfer<Sent>,
  ): Promise<Came & { readonly answer: Exclude<Answer, { readonly kind: 'problem' }> }>;
}

function builder(setting: Setting): Given {
  const { service } = setting;
  return {
    rows: (sql, ...values) => builder({ ...setting, statements: [...setting.statements, { sql, values }] }),
    when: (operation, ...answers) =>
      builder({ ...setting, scripts: new Map([...setting.scripts, [nameOf(operation as unknown as Operation & At), answers]]) }),
    async saga(saga, input) {
      const begins = { saga: saga as unknown as AnySaga, input };
      const { came, ended } = await play(setting, true, ({ deliver }) => deliver(`~given.${begin}`, 'key', {}), begins);
      const [first] = ended.map(instanceOf);
      if (!first) throw new GivenInvalid(`saga ${saga.name} was not started: add it to the \`sagas\` of its service`);
      const { state, journal, cause } = first;
      return { ...came, state, cause, steps: journal.map(({ step, state: was }) => ({ step, state: was })) };
    },
    async event(event, data) {
      const key = String((data as Readonly<Record<string, unknown>>)[event.key]);
      return (await play(setting, false, ({ deliver }) => deliver(nameOf(event), key, data))).came;
    },
    async call(operation, input) {
      const plain = operation as unknown as Operation & At;
      const sent = sendable(plain, input);
      const { came, value } = await play(setting, false, ({ endpoint }) =>
        endpoint.handle({
          ...{ operation: plain, input: sent.json, key: 'given' },
          ...{ deadline: undefined, undoes: undefined, attempt: 1, signal: new AbortController().signal },
        }),
      );
      if (value.kind === 'problem')
        throw new GivenInvalid(
          `${service.contract['~contract']} answered ${value.problem.status} ${value.problem.title}: ${value.problem.detail ?? ''}`,
        );
      return { ...came, answer: value };
    },
  };
}

/** A service, to be played alone: on a database in memory, in virtual time, against others of whom only the answers are known. */
export const given = (service: Service): Given => builder({ service, statements: [], scripts: new Map() });
