# Sourced by nginx's configure while it writes its makefile: adds the library that nginx loads to the targets `modules` and `install`, or the
# archive that is linked into it to those of the binary. Cargo runs only when something is newer, so `make install` as another user needs no Rust.

authgear_dir=$(cd "$ngx_addon_dir" && pwd)
authgear_objs=$(mkdir -p "$NGX_OBJS" && cd "$NGX_OBJS" && pwd)
authgear_sources=$(cd "$authgear_dir" && find Cargo.toml Cargo.lock build.rs src core/Cargo.toml core/src nginx/Cargo.toml nginx/build.rs \
    nginx/build nginx/src -type f)
if [ "$authgear_link" = DYNAMIC ]; then
    authgear_file=ngx_http_authgear_module.so
    authgear_built=libngx_http_authgear_module.so
    authgear_kind='--crate-type cdylib'
else
    authgear_file=ngx_http_authgear_module.a
    authgear_built=libngx_http_authgear_module.a
    authgear_kind='--crate-type staticlib --features static'
fi

authgear_binary=nginx$ngx_binext
authgear_bindings=
if [ -f src/core/angie.h ]; then
    authgear_binary=angie$ngx_binext
    # The bindings have one member by nginx's name: nginx/build/compiler.rs has the same.
    authgear_bindings='BINDGEN_EXTRA_CLANG_ARGS="$$BINDGEN_EXTRA_CLANG_ARGS -Dangie_sign=spare1"'
fi

echo                                                           >> $NGX_MAKEFILE
echo "$NGX_OBJS/$authgear_file:	$NGX_AUTO_CONFIG_H \\"        >> $NGX_MAKEFILE
for authgear_source in $authgear_sources; do
    echo "	$authgear_dir/$authgear_source \\"                 >> $NGX_MAKEFILE
done

cat << END                                                    >> $NGX_MAKEFILE
	$authgear_dir/config.make
	rm -f "\$\${CARGO_TARGET_DIR:-$authgear_objs/authgear}/release/$authgear_built"
	PATH='$authgear_bin'"\$\$PATH" NGINX_SOURCE_DIR='$PWD' NGINX_BUILD_DIR='$authgear_objs' $authgear_bindings \\
		env -u CARGO_BUILD_TARGET cargo rustc --release --locked \\
		--manifest-path '$authgear_dir/Cargo.toml' -p ngx_http_authgear_module --lib $authgear_kind \\
		--target-dir "\$\${CARGO_TARGET_DIR:-$authgear_objs/authgear}"
	cp "\$\${CARGO_TARGET_DIR:-$authgear_objs/authgear}/release/$authgear_built" '$authgear_objs/$authgear_file.new'
	mv '$authgear_objs/$authgear_file.new' '$authgear_objs/$authgear_file'

END

# A source that is gone is no reason to stop: what named it has changed.
for authgear_source in $authgear_sources config.make; do
    echo "$authgear_dir/$authgear_source:"                     >> $NGX_MAKEFILE
done

if [ "$authgear_link" = DYNAMIC ]; then
    case $NGX_MODULES_PATH in
        /*) authgear_modules=$NGX_MODULES_PATH ;;
        *) authgear_modules=$NGX_PREFIX/$NGX_MODULES_PATH ;;
    esac
    # One that an nginx has mapped must not change under it.
    cat << END                                                >> $NGX_MAKEFILE

modules:	$NGX_OBJS/$authgear_file

install:	authgear_install

authgear_install:	$NGX_OBJS/$authgear_file
	mkdir -p '\$(DESTDIR)$authgear_modules'
	cp '$authgear_objs/$authgear_file' '\$(DESTDIR)$authgear_modules/$authgear_file.new'
	mv '\$(DESTDIR)$authgear_modules/$authgear_file.new' '\$(DESTDIR)$authgear_modules/$authgear_file'

.PHONY:	authgear_install

END
else
    echo                                                       >> $NGX_MAKEFILE
    echo "$NGX_OBJS/$authgear_binary:	$NGX_OBJS/$authgear_file" >> $NGX_MAKEFILE
fi
