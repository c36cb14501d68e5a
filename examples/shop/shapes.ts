import { z } from 'zod';

/** An amount in whole minor units (pence). The bounds keep any total within the integers that JSON represents exactly. */
export const Money = z.int().min(0);
export const Text = z.string().min(1).max(100);
export const ProductId = Text;
/** An id of ASCII characters, since it is part of the key of a charge, which is sent in a header. */
export const OrderId = z.string().regex(/^[\w-]{1,100}$/, 'takes 1 to 100 letters, digits, hyphens and underscores');

export const Item = z.object({
  productId: ProductId,
  quantity: z.int().min(1).max(100_000),
  unitPrice: z.int().min(0).max(10_000_000),
});
export type Item = z.infer<typeof Item>;
export const Items = z.array(Item).min(1).max(2000);

/** Parses a column of JSON text. */
export const jsonOf = <S extends z.ZodType>(schema: S) =>
  z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(schema);

export const OrderRef = z.object({ orderId: OrderId });
