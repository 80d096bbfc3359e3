/*
 * Names of scenarios that were renamed. The loader refuses an old name with a message that names
 * the new one; choice streams keep the old one.
 */
#ifndef SIM_SCENARIO_RENAMED_H
#define SIM_SCENARIO_RENAMED_H

#include <stddef.h>

typedef enum renamed_kind {
    RENAMED_KEY,    /**< where: the section of its table, `vms[].driver` */
    RENAMED_CHOICE, /**< where: the key whose value it is; an event: `when` */
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

/** The present name of what was called `old`, or NULL. */
const char *renamed_find_new_name(renamed_kind kind, const char *where, const char *old);
/** What `name` was called before it was renamed, or `name` itself. */
const char *renamed_find_old_name(renamed_kind kind, const char *where, const char *name);

#endif
