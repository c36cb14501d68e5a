/** The part of Standard Schema (https://standardschema.dev) that rows are checked by. */
export interface RowSchema<O> {
  readonly '~standard': {
    readonly validate: (value: unknown) => Checked<O> | Promise<Checked<O>>;
  };
}

/** The output of a schema, or what is wrong with the value. */
export type Checked<O> =
  | { readonly value: O; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] };
