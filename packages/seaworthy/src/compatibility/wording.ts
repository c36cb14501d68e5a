/** Formats values for a message: the first eight, and whether there are more. */
export const listOf = (values: readonly unknown[]): string => {
  const some = values.slice(0, 8).map((value) => JSON.stringify(value) ?? 'undefined');
  return `${some.join(', ')}${values.length > 8 ? ', ...' : ''}`;
};

/** Formats types for a message: `a string or an integer`. */
export const typeNames = (types: readonly string[]): string =>
  types.length >= 7 ? 'anything' : types.map((type) => (/^[aeio]/.test(type) ? `an ${type}` : `a ${type}`)).join(' or ');
