/** The part of Standard Schema, with Standard JSON Schema, that contracts need (https://standardschema.dev). */
export interface Schema<I = unknown, O = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Validated<O> | Promise<Validated<O>>;
    readonly types?: { readonly input: I; readonly output: O } | undefined;
    readonly jsonSchema: {
      readonly input: (options: { target: 'draft-2020-12' }) => object;
      readonly output: (options: { target: 'draft-2020-12' }) => object;
    };
  };
}
/** The result of a validation: the value, or what is wrong with it. */
export type Validated<O> = { readonly value: O; readonly issues?: undefined } | { readonly issues: readonly Issue[] };
/** One thing that is wrong, in the words of the schema's vendor. */
export interface Issue {
  readonly message: string;
  readonly path?: readonly unknown[] | undefined;
}

/** One thing that is wrong: its place, by field names and indices, and the rule that it breaks. */
export interface Finding {
  readonly path: string;
  readonly message: string;
}
