/* The scripted session in which memory runs out: steps of all families of commands, each with what
 * it needs before. Lines as in session_client.h. */
#ifndef HOLDFAST_TESTS_MEMORY_SESSION_H
#define HOLDFAST_TESTS_MEMORY_SESSION_H

enum {
    STEP_ANY_REPLY = 1,   /* it tells times, addresses, or what is chosen at random */
    STEP_ANY_STATE = 2,   /* what it does is chosen at random */
    STEP_TRANSACTION = 4, /* its last line is EXEC */
    STEP_NO_RETRY = 8,    /* what was prepared on the connection goes with the first attempt */
    STEP_MAY_STAY = 16,   /* of many elements: those done before memory ran out stay, documented */
};

struct step {
    const char *prepare; /* lines answered without error; "2>" in front: by the second client, "2~":
                            by it and answered later; "!": the reply is what $1 stands for */
    const char *command; /* one line or more: a pipeline */
    int flags;
    int late; /* replies and pushes that the second client has got in the end */
};

extern const struct step memory_session[];
extern const int memory_session_count;

#endif
