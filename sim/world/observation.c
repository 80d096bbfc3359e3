/*
 * Passes each observation from the function that makes it to all observers of that kind.
 */
#include "sim/world/vm.h"

void observer_add(struct observer_list *lists, const struct observer *observer)
{
    for (uint32_t kind = 0; kind < OBSERVED_COUNT; kind++) {
        if (observer->on[kind] != NULL && lists[kind].count < OBSERVERS_MAX) {
            lists[kind].on[lists[kind].count++] = observer->on[kind];
        }
    }
}

void observer_replace(struct observer_list *lists, const struct observer *old,
                      const struct observer *observer)
{
    for (uint32_t kind = 0; kind < OBSERVED_COUNT; kind++) {
        for (uint32_t i = 0; observer->on[kind] != NULL && i < lists[kind].count; i++) {
            if (lists[kind].on[i] == old->on[kind]) {
                lists[kind].on[i] = observer->on[kind];
            }
        }
    }
}
