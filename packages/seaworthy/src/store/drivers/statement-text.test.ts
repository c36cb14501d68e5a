import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { runtime } from '../../core/runtime.ts';
import { StatementFailed } from '../errors.ts';
import { freshPostgres, postgresMissing } from './postgres.fixture.ts';
import { postgresSyntax } from './postgres-syntax.ts';
import { textOf } from './statement-text.ts';

const read = (sql: string) => textOf(sql, postgresSyntax);

/** Text that is full of what ends strings, comments and quotes. */
const nasty = fc.string({
  unit: fc.constantFrom('?', '??', '$1', "'", '"', '\\', '$', '$$', '$a$', '$A$', '-', '/', '*', '\n', '\r', ' ', 'a', 'é', '😀', ';'),
});
const without = (ends: string) => (text: string) => text.replaceAll(ends, ' ');

/** Pieces of statements in which a question mark is no placeholder, as their authors have to write them. */
const quiet = fc.oneof(
  nasty.map((text) => `'${text.replaceAll("'", "''")}'`),
  nasty.map((text) => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`),
  nasty.map((text) => `"a${text.replaceAll('"', '""')}"`),
  nasty.map((text) => `--${text.replaceAll(/[\n\r]/g, ' ')}\n`),
  nasty.map((text) => `--${text.replaceAll(/[\n\r]/g, ' ')}\r`),
  nasty.map((text) => `/*${text.replaceAll(/[*/]/g, ' ')}/* ? */${text.replaceAll(/[*/]/g, ' ')}*/`),
  nasty.map(without('$$')).map((text) => `$$${text.replaceAll(/\$$/g, ' ')}$$`),
  nasty.map(without('$a$')).map((text) => `$a$${text.replaceAll(/\$a?$/g, ' ')}$a$`),
  nasty.map(without('$😀$')).map((text) => `$😀$${text.replaceAll(/\$$/g, ' ')}$😀$`),
  fc.constantFrom('a$1', 'é$1', '😀$a$', 'te', "U&'?'", "x'1f'", 'select', '1', '+', ','),
);

describe('the text of a statement on PostgreSQL', () => {
  test('a placeholder is a question mark outside of strings, names, comments and dollar quotes', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(quiet, fc.constant('?'), fc.constant('??'))), (pieces) => {
        let position = 0;
        const expected = pieces.map((piece) => (piece === '?' ? `$${++position}` : piece === '??' ? '?' : piece));
        const { sql, placeholders } = read(`select ${pieces.join(' ')}`);
        assert.equal(sql, `select ${expected.join(' ')}`);
        assert.equal(placeholders, position);
      }),
      { numRuns: 500 },
    );
  });

  test('the server takes every piece for what it is taken for here', { skip: postgresMissing ?? false }, async () => {
    const { driver, end } = freshPostgres({ connections: 4, prepare: false });
    const store = await driver.open('text', runtime());
    const strings = quiet.filter((piece) => /^(?:E?'|\$)/.test(piece));
    const comments = quiet.filter((piece) => /^(?:--|\/\*)/.test(piece));
    try {
      await fc.assert(
        fc.asyncProperty(strings, comments, async (string, comment) => {
          const [row] = await store.read.all(
            `select ?::text as before, ${comment} ${string} as string, ${comment} ?::text as after`,
            'b',
            'a',
          );
          assert.deepEqual([row?.['before'], row?.['after']], ['b', 'a']);
        }),
        { numRuns: 100 },
      );
      const operators = await store.read.all(
        `select '{"a": 1}'::jsonb ?? ? as has, '{"a": 1}'::jsonb ??| array[?] as some, '?' as mark`,
        'a',
        'b',
      );
      assert.deepEqual(operators, [{ has: true, some: false, mark: '?' }]);
    } finally {
      await store.close();
      await end();
    }
  });

  const controls = [
    'begin',
    'start transaction',
    'commit',
    'end',
    'abort',
    'rollback',
    'rollback to savepoint level',
    'savepoint a',
    'release a',
  ];
  const wide = [
    ...['set search_path to x', 'set session a = 1', 'set role x', 'set transaction read only', 'reset all', 'discard all'],
    ...['listen a', 'unlisten *', 'prepare a as select 1', "prepare transaction 'a'", 'execute a', 'deallocate a'],
    ...["copy a from '/x'", 'copy a to stdout', 'vacuum a', 'declare a cursor with hold for select 1'],
  ];
  const temporary = [
    ...['create temp table a (n integer)', 'create temporary table a (n integer)', 'create local temp table a (n integer)'],
    ...['create global temporary table a (n integer)', 'create or replace temp view a as select 1', 'create temp sequence a'],
    ...[
      'select 1 into temp a',
      'select 1 as n into temporary table a from b',
      'create table pg_temp.a (n integer)',
      'select * from "pg_temp".a',
    ],
  ];
  const locks = ['select pg_advisory_lock(1)', 'select pg_try_advisory_lock(1)', 'select pg_advisory_lock_shared(1)'];

  test('statements that concern more than their transaction are refused by name, in any case and behind comments', () => {
    const before = fc.array(fc.constantFrom(' ', '\n', ';', '-- a\n', '--\r', '/* a */', '/* /* a */ select */', '/**/', '/*?*/'));
    fc.assert(
      fc.property(
        fc.constantFrom(...controls, ...wide, ...temporary, ...locks),
        before,
        fc.infiniteStream(fc.boolean()),
        (sql, comments, upper) => {
          const cased = [...sql].map((letter) => (upper.next().value ? letter.toUpperCase() : letter)).join('');
          // A quoted name has its case.
          const text = sql.includes('"') ? sql : cased;
          assert.notEqual(read(`${comments.join('')}${text}`).fault, undefined);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('statements that are like them are not refused', () => {
    const fine = [
      ...['select 1', 'with commit as (select 1) select * from commit', 'select 1 as "begin"', "select 'commit'", '(select 1)'],
      ...[
        'create table temp (n integer)',
        'insert into temp values (1)',
        'insert into temp (n) select 1',
        'merge into temp using a on true when matched then delete',
      ],
      ...['set local role a', "set local app.tenant = 'a'", 'set constraints all deferred', "select set_config('a.b', ?, true)"],
      ...[
        'select pg_advisory_xact_lock(1)',
        'select temporary from a',
        'declare a cursor for select 1',
        "select 'into temp a '",
        'do $$ begin null; end $$',
      ],
      ...['/* begin */ select 1', '-- commit\nselect 1', 'table a', 'values (1)', 'begins', 'commit_log', 'ende'],
    ];
    assert.deepEqual(
      fine.filter((sql) => read(sql).fault !== undefined),
      [],
    );
  });

  test('a statement that is empty, has numbered placeholders, or a comment without an end is refused by name', () => {
    for (const [sql, fault] of [
      ['', /is empty/],
      [' -- a\n/* b */;', /is empty/],
      ['select $1', /placeholder \$1/],
      ['select 1 /* ?', /comment that does not end/],
      [`select 1 ${'/*'.repeat(9)}${'*/'.repeat(9)}`, /comments in comments/],
    ] as const)
      assert.match(read(sql).fault ?? '', fault, sql);
  });

  test('a second statement in the same text is refused, prepared or not, with values or without', {
    skip: postgresMissing ?? false,
  }, async () => {
    for (const prepare of [true, false]) {
      const { driver, end } = freshPostgres({ connections: 4, prepare });
      const store = await driver.open('text', runtime());
      try {
        for (const second of ['select 2', 'commit', 'rollback; begin'])
          for (const [sql, ...values] of [[`select 1; ${second}`], [`select ?::text; ${second}`, 'a']] as const) {
            await assert.rejects(store.read.all(sql, ...values), StatementFailed, sql);
            await assert.rejects(
              store.transaction((tx) => tx.all(sql, ...values)),
              StatementFailed,
              sql,
            );
          }
      } finally {
        await store.close();
        await end();
      }
    }
  });
});
