/* Numbers of the RDB format that writer and reader share. */
#ifndef HOLDFAST_PERSIST_RDB_FORMAT_H
#define HOLDFAST_PERSIST_RDB_FORMAT_H

enum rdb_opcode {
    RDB_OPCODE_SLOT_INFO = 0xf4,
    RDB_OPCODE_FUNCTION = 0xf5,
    RDB_OPCODE_MODULE_AUX = 0xf7,
    RDB_OPCODE_IDLE = 0xf8,
    RDB_OPCODE_FREQUENCY = 0xf9,
    RDB_OPCODE_AUXILIARY = 0xfa,
    RDB_OPCODE_SIZES = 0xfb,
    RDB_OPCODE_DEADLINE_MS = 0xfc,
    RDB_OPCODE_DEADLINE_S = 0xfd,
    RDB_OPCODE_DATABASE = 0xfe,
    RDB_OPCODE_END = 0xff,
};

enum rdb_type { RDB_TYPE_STRING = 0 };

/* The first byte of a length: its two high bits. */
enum rdb_length {
    RDB_LENGTH_6 = 0x00,
    RDB_LENGTH_14 = 0x40,
    RDB_LENGTH_32 = 0x80, /* the whole byte; four bytes follow, high first */
    RDB_LENGTH_64 = 0x81, /* the whole byte; eight bytes follow, high first */
    RDB_ENCODED = 0xc0,   /* no length: the low six bits say how a string is encoded */
};

enum rdb_encoding { RDB_INT8, RDB_INT16, RDB_INT32, RDB_LZF };

#define RDB_CHECKSUM_SIZE 8
#define RDB_CHECKSUM_VERSION_MIN 5 /* files of earlier versions have no checksum */

#endif
