J libz.so.1!crc32 crc32_plug
