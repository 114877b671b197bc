/* Output that must not leave yet: the rest of the server says of a position in it what must happen
 * first. */
#include "base/memory.h"
#include "net/connection_private.h"

#define GATES_FIRST 4 /* of a connection's first block of gates */

static bool has_gates(const struct connection *connection)
{
    return connection->gate_first < connection->gate_end;
}

size_t connection_gate_free_output(const struct connection *connection)
{
    if (LIKELY(!has_gates(connection)))
        return connection->output.length;
    uint64_t free = connection->gates[connection->gate_first].position - connection->output_bytes;
    return free < connection->output.length ? free : connection->output.length;
}

uint64_t connection_last_gate(const struct connection *connection)
{
    return has_gates(connection) ? connection->gates[connection->gate_end - 1].gate : 0;
}

/* Room for one more at the end. */
static void make_room(struct connection *connection)
{
    if (connection->gate_end < connection->gate_capacity)
        return;
    uint32_t count = connection->gate_end - connection->gate_first;
    if (connection->gate_first > 0) {
        memmove(connection->gates, connection->gates + connection->gate_first,
                count * sizeof *connection->gates);
    } else {
        connection->gate_capacity =
            connection->gate_capacity == 0 ? GATES_FIRST : connection->gate_capacity * 2;
        connection->gates =
            memory_resize(connection->gates, connection->gate_capacity * sizeof *connection->gates);
    }
    connection->gate_first = 0;
    connection->gate_end = count;
}

void connection_gate_output(struct connection *connection, size_t position, uint64_t gate)
{
    struct network *network = connection->network;
    if (gate <= network->released || position >= connection->output.length ||
        connection_is_closing(connection))
        return;
    /* What comes behind a gate waits for it anyway. */
    if (gate > connection_last_gate(connection)) {
        uint64_t absolute = connection->output_bytes + position;
        if (has_gates(connection) &&
            connection->gates[connection->gate_end - 1].position >= absolute) {
            connection->gates[connection->gate_end - 1].gate = gate;
        } else {
            make_room(connection);
            connection->gates[connection->gate_end++] = (struct connection_gate){absolute, gate};
        }
        if (list_is_empty(&connection->gated_link))
            list_add_last(&network->gated, &connection->gated_link);
    }
    if (connection->output.length >= CONNECTION_GATED_OUTPUT_MAX)
        connection->stop |= CONNECTION_STOP_GATED;
}

bool connection_gate_open(struct connection *connection)
{
    uint32_t before = connection->gate_first;
    while (has_gates(connection) &&
           connection->gates[connection->gate_first].gate <= connection->network->released)
        connection->gate_first++;
    if (connection->gate_first == before)
        return false;
    if (!has_gates(connection)) {
        connection->gate_first = connection->gate_end = 0;
        list_remove(&connection->gated_link);
    }
    if (connection->stop & CONNECTION_STOP_GATED) {
        connection->stop &= ~(unsigned)CONNECTION_STOP_GATED;
        connection_go_on_next_turn(connection);
    }
    return true;
}
