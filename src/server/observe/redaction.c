#include "server/observe/redaction.h"

#include <string.h>

#include "server/config/configuration.h"
#include "server/dispatch.h"

/* HELLO 3 SETNAME name AUTH user password */
static bool hides_of_hello(const struct slice *arguments, size_t index)
{
    for (size_t back = 1; back <= 2 && index > back; back++)
        if (slice_is_word(arguments[index - back], "auth"))
            return true;
    return false;
}

/* MIGRATE host port key db timeout AUTH password, or AUTH2 user password */
static bool hides_of_migrate(const struct slice *arguments, size_t index)
{
    return slice_is_word(arguments[index - 1], "auth") ||
           slice_is_word(arguments[index - 1], "auth2") ||
           slice_is_word(arguments[index - 2], "auth2");
}

bool redaction_hides(const struct dispatch_entry *entry, const struct slice *arguments,
                     size_t index)
{
    if (index == 0)
        return false;
    if (strcmp(entry->full_name, "auth") == 0)
        return true;
    if (strcmp(entry->full_name, "hello") == 0)
        return hides_of_hello(arguments, index);
    if (strcmp(entry->full_name, "migrate") == 0)
        return index > 5 && hides_of_migrate(arguments, index);
    /* Values stand behind their names: CONFIG SET name value name value. */
    return strcmp(entry->full_name, "config|set") == 0 && index >= 3 && index % 2 == 1 &&
           configuration_is_secret(arguments[index - 1]);
}
