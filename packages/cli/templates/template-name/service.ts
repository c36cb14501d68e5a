import { service } from 'seaworthy/service';
import { z } from 'zod';
import { templateName } from './contract.ts';

const Entry = z.object({ body: z.string() });
const Tally = z.object({ entries: z.int() });

export default service(templateName, {
  migrations: [
    {
      name: 'template-name/1',
      statements: [
        'create table entry (id text primary key, body text not null)',
        'create table tally (name text primary key, entries integer not null)',
      ],
    },
  ],
  handlers: {
    // The handler runs in one transaction: the row and the event are committed together, or neither is.
    async add({ input, tx, publish, fail }) {
      const [known] = await tx.all(Entry, 'select body from entry where id = ?', input.entryId);
      if (known) throw fail('AlreadyThere', { text: known.body });
      await tx.run('insert into entry (id, body) values (?, ?)', input.entryId, input.text);
      publish('entryAdded', input);
      return input;
    },
    async tally({ read }) {
      const [row] = await read.all(Tally, "select entries from tally where name = 'all'");
      return { entries: row?.entries ?? 0 };
    },
  },
  // Each event takes effect once, however often it is delivered. Other services handle `entryAdded` in the same way.
  on: (on) => [
    on(templateName.entryAdded, async ({ tx }) => {
      await tx.run("insert into tally (name, entries) values ('all', 1) on conflict (name) do update set entries = entries + 1");
    }),
  ],
});
