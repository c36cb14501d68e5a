import { command, contract, event, query } from 'seaworthy/contract';
import { z } from 'zod';

const Entry = z.object({ entryId: z.string().min(1).max(100), text: z.string().max(1000) });

/** The operations and events that the service offers to others. */
export const templateName = contract('template-name', {
  add: command({
    http: 'POST /template-name/{entryId}',
    input: Entry,
    output: Entry,
    status: 201,
    errors: { AlreadyThere: { status: 409, data: z.object({ text: z.string() }) } },
  }),
  tally: query({ http: 'GET /template-name', input: z.object({}), output: z.object({ entries: z.int() }) }),
  entryAdded: event({ key: 'entryId', data: Entry }),
});
