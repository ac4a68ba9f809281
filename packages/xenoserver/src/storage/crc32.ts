/** CRC-32 of IEEE 802.3 (reflected, polynomial 0xEDB88320), as in zlib. Node's own came only with 20.15. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

/** CRC-32 of `bytes`, going on from the `previous` CRC of the bytes before them. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  let value = ~previous;
  for (let at = 0; at < bytes.length; at++) value = TABLE[(value ^ bytes[at]!) & 0xff]! ^ (value >>> 8);
  return ~value >>> 0;
}
