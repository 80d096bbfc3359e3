# What can be chosen about a build, and the flags that follow. They hold for this directory and those
# below it, so a project that embeds us keeps its own, also for what links our libraries.

option(BNT_BUILD_SIM "Build the laboratory and the command ballonet" ${PROJECT_IS_TOP_LEVEL})
option(BNT_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(BNT_BUILD_BENCH "Build the benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(BNT_WERROR "Treat warnings as errors" OFF)
option(BNT_CHECK_PROGRESS "Assert that a step which asks for another at once has done something" OFF)
option(BNT_COVERAGE "Instrument for coverage" OFF)
option(BNT_FUZZ "Build the fuzz targets for libFuzzer (clang)" OFF)
option(BNT_SYSTEM_ALLOCATOR "Take the worlds' memory from malloc instead of jemalloc" OFF)
option(BNT_STATIC "Link the command without shared libraries where that is possible, so that it starts faster" OFF)
option(BNT_LTO "Link the command and the benchmark with link-time optimisation where that is possible" OFF)
set(BNT_SANITIZE "" CACHE STRING "Sanitizers, for example address,undefined")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endif()

add_compile_options(
  -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wpointer-arith -Wcast-qual -Wundef -Wvla -Wformat=2 -Wwrite-strings -Wold-style-definition
  -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.
  $<$<BOOL:${BNT_WERROR}>:-Werror>)

if(BNT_SANITIZE)
  # An allocator of our own would hide errors from the address sanitizer.
  set(BNT_SYSTEM_ALLOCATOR ON)
  add_compile_options(
    -fsanitize=${BNT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${BNT_SANITIZE})
endif()
add_compile_definitions(BNT_SYSTEM_ALLOCATOR=$<BOOL:${BNT_SYSTEM_ALLOCATOR}>)
if(BNT_CHECK_PROGRESS)
  add_compile_definitions(BNTI_CHECK_PROGRESS=1)
endif()
if(BNT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(BNT_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

# With link-time optimisation an object has machine code as well, so that every other program links as fast as before,
# and a library stays usable by others. A compiler that cannot put both into one object, like clang before 17, does
# without.
set(BNT_CAN_LTO OFF)
if(BNT_LTO AND NOT BNT_SANITIZE AND NOT BNT_COVERAGE)
  include(CheckCCompilerFlag)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT ipo_works LANGUAGES C)
  check_c_compiler_flag("-flto=auto -ffat-lto-objects" BNT_FAT_OBJECTS)
  if(ipo_works AND BNT_FAT_OBJECTS)
    set(BNT_CAN_LTO ON)
    add_link_options(
      $<IF:$<BOOL:$<TARGET_PROPERTY:BNT_LINKED_WITH_LTO>>,-flto=auto,-fno-lto>)
  endif()
endif()
