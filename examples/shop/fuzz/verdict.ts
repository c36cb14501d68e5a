import type { Aimed } from './aim.ts';
import type { Answer } from './answers.ts';
import type { Spot, Target } from './spots.ts';
import type { Exchange } from './wire.ts';

/** Matches internals that no answer may reveal: paths of the code, packages, stacks. */
const inside = /node_modules|\n\s+at |\.[cm]?[jt]s:\d|\/tmp\/|\/home\/|sqlite|FST_|Fastify|(?:Range|Type|Syntax)Error|\[object |HPE_/i;

/** The page and its script: text, and nothing of it comes from elsewhere. */
const parts: readonly string[] = ['text/html', 'text/javascript'];

/** The largest answer to a wrong request. */
const mostProblem = 32_000;

/** Without the character set, which is always UTF-8. */
const typeOf = ({ headers }: Answer): string => headers.get('content-type')?.join(' and ').replace('; charset=utf-8', '') ?? 'none';

async function fits({ operation, aggregate }: Spot, status: number, body: unknown): Promise<boolean> {
  if (status !== (aggregate ? 200 : operation.status)) return false;
  if (!operation.output) return body === undefined;
  const value = aggregate ? (body as { readonly order?: unknown }).order : body;
  const result = await operation.output['~standard'].validate(value);
  return result.issues === undefined;
}

const isProbe = (body: unknown): boolean => ['live', 'started', 'ready'].includes(String((body as { status?: unknown } | null)?.status));

/** Returns what is wrong with an answer of success. */
async function successWrong(answer: Answer, target: Target): Promise<string | undefined> {
  const type = typeOf(answer);
  if (type.startsWith('text/plain; version=0.0.4')) return undefined;
  if (answer.body === '') return answer.status === 204 ? undefined : 'it has no body';
  const isPart = parts.includes(type);
  if (isPart && !answer.headers.get('content-security-policy')?.join().includes("default-src 'none'")) return 'the page may load anything';
  if (!isPart && type !== 'application/json') return `its content type is ${type}`;
  const body: unknown = isPart ? answer.body : JSON.parse(answer.body);
  if (isProbe(body)) return undefined;
  const fitting = await Promise.all(target.spots.map((spot) => fits(spot, answer.status, body)));
  return fitting.includes(true) ? undefined : 'no operation of this port promises that';
}

/** Returns what is wrong with a refusal. */
function problemWrong(answer: Answer, target: Target): string | undefined {
  const type = typeOf(answer);
  if (type !== 'application/problem+json') return `its content type is ${type}`;
  if (answer.body.length > mostProblem) return `its document has ${answer.body.length} characters`;
  const body = JSON.parse(answer.body) as Readonly<Record<string, unknown>>;
  if (body['status'] !== answer.status) return `its document says ${String(body['status'])}`;
  if (typeof body['title'] !== 'string' || typeof body['type'] !== 'string') return 'its document has no title or type';
  const declared = target.spots.some(({ operation }) => Object.hasOwn(operation.errors as object, String(body['error'])));
  if (!declared && !/^SW_[A-Z_]+$/.test(String(body['code']))) return 'its document has no code, and declares no error of the contract';
  const retry = answer.headers.get('retry-after');
  return retry && !/^\d+$/.test(retry.join()) ? `Retry-After is ${retry.join()}` : undefined;
}

async function wrong(answer: Answer, { shot, target }: Aimed, method: string | undefined): Promise<string | undefined> {
  const { status } = answer;
  if (status >= 300 && status < 400) return 'nothing here redirects';
  if (status >= 500 && !(status === 504 && shot.mayBeLate)) return 'bad input is not a failure of ours';
  if (inside.test(answer.body)) return 'it reveals internals';
  if (answer.headers.has('server') || answer.headers.has('x-powered-by')) return 'it tells what it runs on';
  const must = shot.refused;
  if (must === true && status < 400) return 'it should be refused';
  if (typeof must === 'object' && !must.includes(status)) return `it should be ${must.join(' or ')}`;
  if (method === 'HEAD') return undefined;
  try {
    return status < 300 ? await successWrong(answer, target) : problemWrong(answer, target);
  } catch (error) {
    return `its body cannot be read (${(error as Error).message})`;
  }
}

/** Lists the findings of an exchange. */
export async function findings(aimed: Aimed, { answers, rest, ended }: Exchange): Promise<readonly string[]> {
  const { shot } = aimed;
  const found: string[] = [];
  if (answers.length < shot.answers) found.push(`${answers.length} answers came of ${shot.answers}, then: ${ended}`);
  if (answers.length > shot.methods.length) found.push(`${answers.length} answers came to ${shot.methods.length} requests`);
  if (ended === 'nothing more came') found.push('the connection was never closed');
  if (rest !== '' && shot.manner === 'wait' && ended !== 'reset')
    found.push(`the bytes that came are not an HTTP answer: ${rest.slice(0, 80)}`);
  for (const [index, answer] of answers.entries()) {
    const what = await wrong(answer, aimed, shot.methods[index]);
    if (what !== undefined) found.push(`${answer.status}: ${what}: ${answer.body.slice(0, 300)}`);
  }
  return found;
}
