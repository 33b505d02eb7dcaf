//! A server in which every one of Debian's modules has something to do, as far as it can be had without
//! another server.

use std::fs;

use authgear_scenarios::setup::Setup;

const MODULES: &str = "/usr/lib/nginx/modules";
/// Others of them need these.
const FIRST: [&str; 2] = ["ndk_http_module.so", "ngx_stream_module.so"];

/// Where this module stands among the others: filters and phases follow the order in which modules are
/// loaded.
#[derive(Clone, Copy)]
pub enum Loaded {
    First,
    Last,
}

fn modules() -> Vec<String> {
    let entries = fs::read_dir(MODULES).expect("Debian's modules: scripts/setup modules installs them");
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_by_key(|name| (!FIRST.contains(&name.as_str()), name.clone()));
    assert!(names.len() >= 30, "Debian packages thirty: {names:?}");
    names
}

/// One server, with all of them.
pub fn setup(ours: Loaded) -> Setup {
    let others: String = modules()
        .iter()
        .map(|name| format!("load_module {MODULES}/{name};\n"))
        .collect();
    let all = match ours {
        Loaded::First => format!("load_module %MODULE%;\n{others}"),
        Loaded::Last => format!("{others}load_module %MODULE%;\n"),
    };
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/packaged");
    Setup::new()
        .main(&all)
        .http(&HTTP.replace("%HERE%", here))
        .server(SERVER)
}

const HTTP: &str = r#"
    init_by_lua_block { started = "in the master" }
    init_worker_by_lua_block {
        local function again()
            ngx.shared.ticks:incr("count", 1, 0)
        end
        assert(ngx.timer.at(0, again))
        assert(ngx.timer.every(0.05, again))
    }
    lua_shared_dict ticks 1m;
    js_import reader from %HERE%/reader.js;
    js_set $seen_by_njs reader.user;
    perl_set $seen_by_perl 'sub { return shift->header_in("X-Authgear-User-Id"); }';
    modsecurity on;
    modsecurity_rules '
        SecRuleEngine DetectionOnly
        SecRequestBodyAccess On
        SecResponseBodyAccess On
        SecAuditEngine Off
        SecRule REQUEST_HEADERS:X-Authgear-User-Id "@contains mallory" "id:1,phase:1,pass,nolog"
        SecRule REQUEST_HEADERS:Authorization "@rx ." "id:2,phase:2,pass,nolog"
    ';
    upload_progress uploads 1m;
    brotli on; brotli_static on; brotli_min_length 1; brotli_types *;
    gzip on; gzip_min_length 1; gzip_types *;
    subs_filter_types *; subs_filter nowhere-in-any-answer nothing;
    more_set_headers "X-More: yes"; more_set_input_headers "X-More-Input: $http_x_authgear_user_id";
    image_filter_buffer 1m; xml_entities /dev/null;
    geoip_proxy 127.0.0.1; geoip2_proxy 127.0.0.1;
    fancyindex on; dav_methods PUT DELETE; dav_ext_methods PROPFIND;
    upstream fairly { server %BACKEND%; fair; }
"#;

const SERVER: &str = r#"
    location / {
        rewrite_by_lua_block { assert(ngx.req.get_headers()["x-authgear-user-id"] ~= "mallory") }
        access_by_lua_block { ngx.sleep(0.001); ngx.ctx.user = ngx.req.get_headers()["X-Authgear-User-Id"] }
        header_filter_by_lua_block {
            ngx.header["X-Lua"] = ngx.req.get_headers()["X-Authgear-User-Id"]
            ngx.header["X-Lua-Access"] = ngx.ctx.user
        }
        body_filter_by_lua_block { local _ = ngx.arg[1], ngx.req.get_headers() }
        log_by_lua_block { local _ = ngx.req.get_headers()["x-authgear-user-id"], ngx.var.authgear_endpoint_host }
        authgear_resolve on;
        set_md5 $digest $host;
        image_filter off;
        proxy_set_header X-Njs $seen_by_njs;
        proxy_set_header X-Perl $seen_by_perl;
        proxy_pass http://fairly;
        track_uploads uploads 5s;
    }
    location = /inner { internal; proxy_pass http://%BACKEND%; }
    location = /lua {
        authgear_resolve on;
        content_by_lua_block { ngx.say(ngx.req.get_headers()["X-Authgear-User-Id"] or "nobody", " ", started, " ", ngx.var.authgear_endpoint) }
    }
    location = /lua/capture {
        authgear_resolve on;
        content_by_lua_block { ngx.print(ngx.location.capture("/inner").body) }
    }
    location = /lua/asks-first {
        access_by_lua_block { local answer = ngx.location.capture("/inner"); assert(answer.status == 200); ngx.sleep(0.001) }
        authgear_resolve on;
        proxy_pass http://%BACKEND%;
    }
    location = /lua/exec { authgear_resolve on; content_by_lua_block { ngx.exec("/") } }
    location = /lua/ticks { content_by_lua_block { ngx.say(ngx.shared.ticks:get("count") or 0) } }
    location = /lua/later {
        authgear_resolve on;
        content_by_lua_block {
            assert(ngx.timer.at(0, function() ngx.shared.ticks:set("later", "ran") end))
            ngx.sleep(0.02)
            ngx.say(ngx.shared.ticks:get("later"))
        }
    }
    location = /njs { authgear_resolve on; js_content reader.content; }
    location = /njs/subrequest { authgear_resolve on; js_content reader.subrequest; }
    location = /perl {
        authgear_resolve on;
        perl 'sub {
            my $r = shift;
            $r->send_http_header("text/plain");
            $r->print($r->header_in("X-Authgear-User-Id") // "nobody", " ", $r->header_in("X-Authgear-Session-Valid") // "unsaid");
            return OK;
        }';
    }
    location = /echo { authgear_resolve on; echo_location /inner; echo "$http_x_authgear_user_id"; }
    location = /more { authgear_resolve on; more_clear_input_headers "X-Authgear-User-Id"; proxy_pass http://%BACKEND%; }
    location = /channel { authgear_resolve on; nchan_pubsub; nchan_channel_id $arg_id; }
    location /files/ { authgear_resolve on; alias %DIR%/html/; }
"#;
