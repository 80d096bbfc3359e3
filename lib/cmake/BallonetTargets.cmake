# The kinds of target this project has, one function each, and the libraries from outside.
include(CheckCSourceCompiles)

# bnt_outside_library(name PREFIX package): the library `name` is the package of pkg-config. For a target with the
# property BNT_LINKED_STATICALLY it is the package's archive, with the mathematical functions that jemalloc calls.
function(bnt_outside_library name prefix package)
  pkg_check_modules(${prefix} REQUIRED IMPORTED_TARGET GLOBAL ${package})
  list(GET ${prefix}_LIBRARIES 0 short)
  find_library(${prefix}_ARCHIVE lib${short}.a HINTS ${${prefix}_LIBRARY_DIRS} ${${prefix}_LIBDIR})
  mark_as_advanced(${prefix}_ARCHIVE)
  add_library(${name} INTERFACE)
  set(static $<BOOL:$<TARGET_PROPERTY:BNT_LINKED_STATICALLY>>)
  target_link_libraries(${name} INTERFACE
    "$<${static}:${${prefix}_ARCHIVE};m>" "$<$<NOT:${static}>:PkgConfig::${prefix}>")
endfunction()

if(BNT_BUILD_SIM OR BNT_BUILD_TESTS)
  find_package(PkgConfig REQUIRED)
  bnt_outside_library(bnt_yaml YAML yaml-0.1)
  if(NOT BNT_SYSTEM_ALLOCATOR)
    bnt_outside_library(bnt_jemalloc JEMALLOC jemalloc)
  endif()
endif()
if(BNT_BUILD_TESTS)
  pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
endif()

# Adds the directory of a module.
macro(bnt_module directory)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${directory}/CMakeLists.txt)
    add_subdirectory(${directory})
  endif()
endmacro()

# bnt_freestanding(target...): these libraries need no C library but memcpy, memmove, memset, memcmp.
function(bnt_freestanding)
  foreach(target IN LISTS ARGN)
    if(TARGET ${target})
      target_compile_options(${target} PRIVATE -ffreestanding -fbuiltin -fno-stack-protector)
    endif()
  endforeach()
endfunction()

# bnt_library(name SOURCES file... [LINKS target...]): a library of lib/; bnt_guest is also ballonet::guest.
function(bnt_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  add_library(${name} STATIC ${arg_SOURCES})
  string(REGEX REPLACE "^bnt_" "" short ${name})
  add_library(ballonet::${short} ALIAS ${name})
  target_include_directories(${name}
    PUBLIC ${PROJECT_SOURCE_DIR}/lib/include PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${arg_LINKS})
  # The quirks of others' drivers and devices are for the simulator and the tests alone.
  if(BNT_BUILD_SIM OR BNT_BUILD_TESTS)
    target_compile_definitions(${name} PRIVATE BNT_WITH_QUIRKS)
  endif()
endfunction()

# bnt_hosted(target...): code over POSIX that includes by path from the root of the project.
function(bnt_hosted)
  foreach(target IN LISTS ARGN)
    target_compile_definitions(${target} PRIVATE _POSIX_C_SOURCE=200809L)
    target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/lib/include)
  endforeach()
endfunction()

# bnt_sim_library(name SOURCES file... [LINKS target...]): a module of the laboratory.
function(bnt_sim_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  add_library(${name} STATIC ${arg_SOURCES})
  bnt_hosted(${name})
  target_link_libraries(${name} PUBLIC ${arg_LINKS})
endfunction()

# bnt_link_statically(target): no shared libraries, where each library has an archive and a program of them links.
# Loading shared libraries takes longer than most scenarios run. BNT_LINKED_STATICALLY says whether it is so.
function(bnt_link_statically target)
  if(NOT BNT_STATIC OR NOT YAML_ARCHIVE OR NOT (BNT_SYSTEM_ALLOCATOR OR JEMALLOC_ARCHIVE))
    return()
  endif()
  set(CMAKE_REQUIRED_LINK_OPTIONS -static)
  set(CMAKE_REQUIRED_LIBRARIES ${YAML_ARCHIVE})
  if(NOT BNT_SYSTEM_ALLOCATOR)
    list(APPEND CMAKE_REQUIRED_LIBRARIES ${JEMALLOC_ARCHIVE} m)
  endif()
  check_c_source_compiles("
    #include <stdlib.h>
    const char *yaml_get_version_string(void);
    int main(void) { return yaml_get_version_string() == NULL || malloc(1) == NULL; }" BNT_STATIC_LINKS)
  if(BNT_STATIC_LINKS)
    set_target_properties(${target} PROPERTIES BNT_LINKED_STATICALLY ON)
    target_link_options(${target} PRIVATE -static)
  endif()
endfunction()

# bnt_compile_for_lto(target...): these libraries are optimised together in a program of bnt_link_with_lto.
function(bnt_compile_for_lto)
  if(BNT_CAN_LTO)
    foreach(target IN LISTS ARGN)
      target_compile_options(${target} PRIVATE -flto=auto -ffat-lto-objects)
    endforeach()
  endif()
endfunction()

# bnt_link_with_lto(target): the linking takes some seconds, so this is for what is measured.
function(bnt_link_with_lto target)
  set_target_properties(${target} PROPERTIES BNT_LINKED_WITH_LTO ON)
endfunction()

# bnt_check_test(name SOURCES file... [LINKS target...] [TIMEOUT seconds] [LABELS label...]):
# a program of Check tests and the CTest test of the same name. The sources supply
# `Suite *test_suite(void)`; main and the guards against silent success are in tests/support/check_main.c.
function(bnt_check_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LINKS;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  bnt_hosted(${name})
  target_compile_options(${name} PRIVATE -include ${PROJECT_SOURCE_DIR}/tests/support/check_main.h)
  target_link_libraries(${name} PRIVATE ${arg_LINKS} support_main)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  # Time limits end what hangs; no test is about speed, and a busy machine is slow.
  math(EXPR limit "3 * ${arg_TIMEOUT}")
  set_tests_properties(${name} PROPERTIES TIMEOUT ${limit} LABELS "${arg_LABELS}"
                       ENVIRONMENT CK_TIMEOUT_MULTIPLIER=10)
endfunction()
