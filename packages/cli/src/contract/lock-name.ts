/** Of the file beside the fleet file, which keeps the contracts as they were agreed. */
export const lockName = 'contract.lock.json';
