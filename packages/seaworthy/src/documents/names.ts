import type { Bound } from '../contract/contract.ts';

/** Converts a text to a part of a name: `orders-archive` becomes `OrdersArchive`. */
export const pascal = (text: string): string =>
  text
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');

/** Returns the name of an operation or event that is unique among all services. */
export const nameOf = ({ service, name }: Bound): string => `${pascal(service)}${pascal(name)}`;
