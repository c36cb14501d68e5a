import type { At } from '../contract/contract.ts';

/** A text as a part of a name: `orders-archive` is `OrdersArchive`. */
export const pascal = (text: string): string =>
  text
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');

/** What an operation or event is called among those of all services. */
export const nameOf = ({ service, name }: At): string => `${pascal(service)}${pascal(name)}`;
