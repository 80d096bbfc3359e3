#include "sim/scenario/loader.h"
void scenario_schema_write(void *file)
{
    (void)file;
}
