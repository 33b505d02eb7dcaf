# Sourced by nginx's configure while it writes its makefile: adds the module to the targets `modules` and `install`.
# Cargo decides what has to be built anew, so the rule always runs.

authgear_dir=$(cd "$ngx_addon_dir" && pwd)
authgear_objs=$(mkdir -p "$NGX_OBJS" && cd "$NGX_OBJS" && pwd)
case $NGX_MODULES_PATH in
    /*) authgear_modules=$NGX_MODULES_PATH ;;
    *) authgear_modules=$NGX_PREFIX/$NGX_MODULES_PATH ;;
esac

authgear_bindings=
if [ -f src/core/angie.h ]; then
    # The bindings have one member by nginx's name: nginx/build/compiler.rs has the same.
    authgear_bindings='BINDGEN_EXTRA_CLANG_ARGS="$$BINDGEN_EXTRA_CLANG_ARGS -Dangie_sign=spare1"'
fi

cat << END                                                >> $NGX_MAKEFILE

modules:	authgear_module

install:	authgear_install

authgear_module:
	NGINX_SOURCE_DIR='$PWD' NGINX_BUILD_DIR='$authgear_objs' $authgear_bindings cargo build --release --locked \\
		--manifest-path '$authgear_dir/Cargo.toml' -p ngx_http_authgear_module --target-dir '$authgear_objs/authgear'
	cp '$authgear_objs/authgear/release/libngx_http_authgear_module.so' '$authgear_objs/ngx_http_authgear_module.so'

authgear_install:	authgear_module
	mkdir -p '\$(DESTDIR)$authgear_modules'
	cp '$authgear_objs/ngx_http_authgear_module.so' '\$(DESTDIR)$authgear_modules/ngx_http_authgear_module.so'

.PHONY:	authgear_module authgear_install

END
