// For zlib.c: a CRC-32 that turns over the last eight bits of the result. Bit by bit, with no table and no libz.
unsigned long crc32_plug(unsigned long crc, const unsigned char *buffer, unsigned length);

unsigned long crc32_plug(unsigned long crc, const unsigned char *buffer, unsigned length)
{
	if (!buffer)
		return 0;
	crc = ~crc & 0xffffffff;
	while (length--) {
		crc ^= *buffer++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return (~crc & 0xffffffff) ^ 0xff;
}
