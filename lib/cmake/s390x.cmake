# Clang for s390x on a Debian machine of another kind. Packages: binutils-s390x-linux-gnu,
# libc6-dev-s390x-cross, libgcc-12-dev-s390x-cross, qemu-user, and libyaml-dev:s390x. Not the gcc for
# s390x: it cannot be installed beside gcc-multilib, which the 32-bit build wants.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR s390x)
set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET s390x-linux-gnu)

file(GLOB gcc_directories /usr/lib/gcc-cross/s390x-linux-gnu/*)
list(GET gcc_directories 0 gcc_directory)
set(CMAKE_C_FLAGS_INIT "-isystem /usr/s390x-linux-gnu/include")
set(CMAKE_EXE_LINKER_FLAGS_INIT
  "-B${gcc_directory} -L${gcc_directory} -L/usr/s390x-linux-gnu/lib -L/usr/lib/s390x-linux-gnu")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-s390x)
