/*
 * Names of scenarios that were renamed. If a file uses an old name, the loader reports an error
 * that says the new name. Choice streams keep the old name.
 */
#ifndef SIM_SCENARIO_RENAMED_H
#define SIM_SCENARIO_RENAMED_H

#include <stddef.h>

typedef enum renamed_kind {
    RENAMED_KEY,    /**< `where` is the section of the table that has the key, such as
                         `vms[].driver` */
    RENAMED_CHOICE, /**< `where` is the key that has this value; for an event it is `when` */
    RENAMED_METRIC, /**< where: "" */
    RENAMED_KNOB    /**< where: "" */
} renamed_kind;

struct renamed {
    renamed_kind kind;
    const char *where;
    const char *old;
    const char *name;
};
extern const struct renamed renamed_names[];
extern const size_t renamed_count;

/** Returns the current name of what was called `old`; NULL if `old` was not renamed. */
const char *renamed_find_new_name(renamed_kind kind, const char *where, const char *old);
/** Returns the name that `name` had before it was renamed; `name` itself if it was not renamed. */
const char *renamed_find_old_name(renamed_kind kind, const char *where, const char *name);

#endif
