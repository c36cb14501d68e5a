const utf8 = new TextEncoder();

/**
 * Hashes a key with FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/), over its bytes in UTF-8, so that producers in other
 * languages come to the same partition.
 */
export function keyHash(key: string): number {
  let hash = 0x811c9dc5;
  for (const byte of utf8.encode(key)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
