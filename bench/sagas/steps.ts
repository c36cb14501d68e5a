/** The steps of a trip. */
export const steps = ['flight', 'hotel', 'car', 'mail'] as const;
