import type { Callable } from '../client/call.ts';
import type { Answer } from '../contract/answer.ts';
import type { Bound, Event, Operation } from '../contract/contract.ts';
import { sendable } from '../contract/request.ts';
import type { AnySaga, Saga } from '../saga/definition.ts';
import { type Cause, type Entry, instanceOf, type SagaState } from '../saga/instance.ts';
import type { Service } from '../service/service.ts';
import type { Value } from '../store/store.ts';
import { GivenInvalid } from './errors.ts';
import { begin, play, type Result, type TestSetup } from './play.ts';
import { nameOf, type Scripted } from './script.ts';

/** The result of a saga. */
export interface SagaResult extends Result {
  readonly state: SagaState;
  /** The started steps in order, with the state of each. */
  readonly steps: readonly { readonly step: string; readonly state: Entry['state'] }[];
  /** The reason why the saga was undone, if it was. */
  readonly cause: Cause | undefined;
}

/** A service with a given state, which runs one saga, event or call. */
export interface Given {
  /** Runs one SQL statement before, such as an insert of a row. */
  rows(sql: string, ...values: readonly Value[]): Given;
  /** Scripts the answers of an operation of another service: one for each call, and the last one for all further calls. */
  when<Sent, Output, E>(operation: Callable<string, Sent, Output, E>, ...answers: readonly Scripted<NoInfer<Output>, NoInfer<E>>[]): Given;
  /** Runs a saga of the service to its end, with real retries, timeouts and undos, in virtual time. Throws `GivenInvalid`. */
  saga<Input>(saga: Saga<string, string, never, Input>, input: NoInfer<Input>): Promise<SagaResult>;
  /** Delivers an event. Rejects with `GivenInvalid` when the service has no reaction, or it fails. */
  event<Data>(event: Event<unknown, Data> & Bound, data: NoInfer<Data>): Promise<Result>;
  /** Calls an operation of the service. The answer is its output or a declared error; any other answer rejects with `GivenInvalid`. */
  call<Sent, Output, E>(
    operation: Callable<string, Sent, Output, E>,
    input: NoInfer<Sent>,
  ): Promise<Result & { readonly answer: Exclude<Answer, { readonly kind: 'problem' }> }>;
}

function builder(setting: TestSetup): Given {
  const { service } = setting;
  return {
    rows: (sql, ...values) => builder({ ...setting, statements: [...setting.statements, { sql, values }] }),
    when: (operation, ...answers) =>
      builder({ ...setting, scripts: new Map([...setting.scripts, [nameOf(operation as unknown as Operation & Bound), answers]]) }),
    async saga(saga, input) {
      const begins = { saga: saga as unknown as AnySaga, input };
      const { result, ended } = await play(setting, true, ({ deliver }) => deliver(`~given.${begin}`, 'key', {}), begins);
      const [first] = ended.map(instanceOf);
      if (!first) throw new GivenInvalid(`saga ${saga.name} was not started: add it to the \`sagas\` of its service`);
      const { state, journal, cause } = first;
      return { ...result, state, cause, steps: journal.map(({ step, state: was }) => ({ step, state: was })) };
    },
    async event(event, data) {
      const key = String((data as Readonly<Record<string, unknown>>)[event.key]);
      return (await play(setting, false, ({ deliver }) => deliver(nameOf(event), key, data))).result;
    },
    async call(operation, input) {
      const plain = operation as unknown as Operation & Bound;
      const sent = sendable(plain, input);
      const { result, value } = await play(setting, false, ({ endpoint }) =>
        endpoint.handle({
          ...{ operation: plain, input: sent.json, key: 'given' },
          ...{ deadline: undefined, undoes: undefined, attempt: 1, signal: new AbortController().signal },
        }),
      );
      if (value.kind === 'problem')
        throw new GivenInvalid(
          `${service.contract['~contract']} answered ${value.problem.status} ${value.problem.title}: ${value.problem.detail ?? ''}`,
        );
      return { ...result, answer: value };
    },
  };
}

/** Tests a service alone: on a database in memory, in virtual time, against scripted answers of other services. */
export const given = (service: Service): Given => builder({ service, statements: [], scripts: new Map() });
