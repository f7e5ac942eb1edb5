# Compiles python $PYTHON from the archives in /sources against musl, and makes a root file system with it in /image.
machine=$(uname -m)

# The kernel's headers, for musl has none, and nothing beside them that is glibc's.
mkdir -p /opt/musl/bin /opt/musl/kernel
ln -s /usr/include/linux /usr/include/asm-generic "/usr/include/$machine-linux-gnu/asm" /opt/musl/kernel
# Asked for the platform's name, Debian's compiler tells that of glibc, and Alpine's tells none.
cat > /opt/musl/bin/gcc <<'WRAPPER'
#!/bin/sh
[ "$*" = --print-multiarch ] || exec musl-gcc "$@" -idirafter /opt/musl/kernel
WRAPPER
chmod +x /opt/musl/bin/gcc
export PATH="/opt/musl/bin:$PATH" CC=gcc CFLAGS=-fPIC OPT="-O1 -DNDEBUG" MAKEFLAGS="-j$(nproc)"

mkdir /sources/zlib /sources/python
tar --extract --file /sources/zlib_*.orig.tar.* --directory /sources/zlib --strip-components=1
tar --extract --file "/sources/python$PYTHON"_*.orig.tar.* --directory /sources/python --strip-components=1
cd /sources/zlib
./configure --static --prefix=/opt/musl
make install
cd /sources/python
./configure --prefix=/usr/local --without-ensurepip --disable-test-modules --without-static-libpython PKG_CONFIG=false \
    ZLIB_CFLAGS=-I/opt/musl/include ZLIB_LIBS="-L/opt/musl/lib -lz"
make
make install DESTDIR=/image

cd /image
ln -s "python$PYTHON" usr/local/bin/python
strip "usr/local/bin/python$PYTHON" usr/local/lib/python*/lib-dynload/*.so
# Official images have no bytecode, nor what shows windows.
rm -r "usr/local/lib/python$PYTHON/idlelib" "usr/local/lib/python$PYTHON/tkinter" usr/local/bin/idle3* usr/local/share
find . -name __pycache__ -prune -exec rm -r {} +

mkdir -p lib dev proc sys bin
cp -L "/lib/ld-musl-$machine.so.1" lib/
ln -s "ld-musl-$machine.so.1" "lib/libc.musl-$machine.so.1"
cp /bin/busybox bin/busybox
for program in $(busybox --list-full); do
    mkdir -p "$(dirname "$program")"
    [ -e "$program" ] || ln -s /bin/busybox "$program"
done
mkdir -p tmp var/tmp
chmod 1777 tmp var/tmp
chroot /image /usr/local/bin/python3 -IBc '
import asyncio, hashlib, sysconfig, venv, zlib
assert sysconfig.get_config_var("SOABI").endswith("-musl")
'
