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

enum rdb_type {
    RDB_TYPE_STRING = 0,
    RDB_TYPE_LIST = 1,
    RDB_TYPE_SET = 2,
    RDB_TYPE_ZSET = 3, /* scores as text */
    RDB_TYPE_HASH = 4,
    RDB_TYPE_ZSET_2 = 5, /* scores as doubles */
    RDB_TYPE_HASH_ZIPMAP = 9,
    RDB_TYPE_LIST_ZIPLIST = 10,
    RDB_TYPE_SET_INTSET = 11,
    RDB_TYPE_ZSET_ZIPLIST = 12,
    RDB_TYPE_HASH_ZIPLIST = 13,
    RDB_TYPE_LIST_QUICKLIST = 14, /* blocks are ziplists */
    RDB_TYPE_STREAM_LISTPACKS = 15,
    RDB_TYPE_HASH_LISTPACK = 16,
    RDB_TYPE_ZSET_LISTPACK = 17,
    RDB_TYPE_LIST_QUICKLIST_2 = 18,
    RDB_TYPE_STREAM_LISTPACKS_2 = 19, /* with first and deleted IDs */
    RDB_TYPE_SET_LISTPACK = 20,
    RDB_TYPE_STREAM_LISTPACKS_3 = 21, /* consumers with active times */
    RDB_TYPE_HASH_2 = 22,             /* Valkey's, with deadlines */
    RDB_TYPE_HASH_METADATA = 24,      /* Redis's, with deadlines from a base */
    RDB_TYPE_HASH_LISTPACK_EX = 25,   /* the same as triples in a listpack */
};

/* What a block of a quicklist 2 is. */
enum rdb_block { RDB_BLOCK_PLAIN = 1, RDB_BLOCK_PACKED = 2 };

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
