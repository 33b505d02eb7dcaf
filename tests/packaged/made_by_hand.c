/*
 * A module that makes configurations and requests by hand, as others do, and hands them to ngx_http_authgear_module.
 *
 *     made_by_hand;    in http: each worker calls the configuration callbacks with whatever may be missing, and says so when it has survived
 *     relocated;       in a location: its requests go on with a location that is made, and merged, while they run
 *     twice;           in a location: its requests have another Authorization behind their own
 */
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#define MADE_BY_HAND  1
#define RELOCATED     2
#define TWICE         4

static void *create(ngx_conf_t *cf);
static char *set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t after(ngx_conf_t *cf);
static ngx_int_t start(ngx_cycle_t *cycle);

static ngx_http_module_t  context = { NULL, after, NULL, NULL, NULL, NULL, create, NULL };

static ngx_command_t  commands[] = {
    { ngx_string("made_by_hand"), NGX_HTTP_MAIN_CONF|NGX_CONF_NOARGS, set, NGX_HTTP_LOC_CONF_OFFSET, MADE_BY_HAND, NULL },
    { ngx_string("relocated"), NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS, set, NGX_HTTP_LOC_CONF_OFFSET, RELOCATED, NULL },
    { ngx_string("twice"), NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS, set, NGX_HTTP_LOC_CONF_OFFSET, TWICE, NULL },
    ngx_null_command
};

ngx_module_t  made_by_hand = {
    NGX_MODULE_V1, &context, commands, NGX_HTTP_MODULE, NULL, NULL, start, NULL, NULL, NULL, NULL, NGX_MODULE_V1_PADDING
};

ngx_module_t  *ngx_modules[] = { &made_by_hand, NULL };
char          *ngx_module_names[] = { "made_by_hand", NULL };
char          *ngx_module_order[] = { NULL };

static ngx_module_t *
authgear(ngx_cycle_t *cycle)
{
    ngx_uint_t  i;

    for (i = 0; cycle->modules[i]; i++) {
        if (ngx_strcmp(cycle->modules[i]->name, "ngx_http_authgear_module") == 0) {
            return cycle->modules[i];
        }
    }

    abort();
}

static void *
create(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_flag_t));
}

static char *
set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    *(ngx_flag_t *) conf |= cmd->offset;
    return NGX_CONF_OK;
}

static ngx_flag_t
is_set(void **locations, ngx_flag_t flag)
{
    return *(ngx_flag_t *) locations[made_by_hand.ctx_index] & flag;
}

/* Every way in which what is merged may be incomplete. */
static void
merge_incomplete(ngx_conf_t *cf, ngx_http_module_t *theirs, ngx_http_conf_ctx_t *http)
{
    void                      **empty = ngx_pcalloc(cf->pool, sizeof(void *) * ngx_http_max_module);
    void                      **servers = ngx_pcalloc(cf->pool, sizeof(void *) * ngx_http_max_module);
    ngx_uint_t                  i;
    ngx_http_core_srv_conf_t   *server = ngx_pcalloc(cf->pool, sizeof(ngx_http_core_srv_conf_t));

    servers[ngx_http_core_module.ctx_index] = server;

    ngx_http_conf_ctx_t  made[] = {
        { NULL, NULL, NULL },
        { empty, empty, empty },
        { http->main_conf, NULL, NULL },
        { http->main_conf, empty, empty },
        { http->main_conf, servers, empty },
        { http->main_conf, servers, http->loc_conf },
        { http->main_conf, http->srv_conf, http->loc_conf },
    };

    for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        cf->ctx = &made[i];
        theirs->merge_srv_conf(cf, theirs->create_srv_conf(cf), theirs->create_srv_conf(cf));
        theirs->merge_loc_conf(cf, theirs->create_loc_conf(cf), theirs->create_loc_conf(cf));
    }

    cf->ctx = NULL;
    theirs->merge_loc_conf(cf, theirs->create_loc_conf(cf), theirs->create_loc_conf(cf));
    theirs->merge_loc_conf(NULL, theirs->create_loc_conf(cf), theirs->create_loc_conf(cf));
    theirs->merge_loc_conf(cf, NULL, NULL);
    theirs->merge_srv_conf(NULL, NULL, NULL);
}

static void
create_and_set_incomplete(ngx_conf_t *cf, ngx_module_t *module)
{
    ngx_conf_t          nothing;
    ngx_command_t      *command;
    ngx_http_module_t  *theirs = module->ctx;

    ngx_memzero(&nothing, sizeof(nothing));
    nothing.log = cf->log;
    theirs->create_main_conf(NULL);
    theirs->create_srv_conf(&nothing);
    theirs->create_loc_conf(&nothing);
    theirs->preconfiguration(NULL);
    theirs->postconfiguration(NULL);

    for (command = module->commands; command->name.len; command++) {
        command->set(NULL, command, NULL);
        command->set(&nothing, command, NULL);
        command->set(&nothing, command, theirs->create_main_conf(cf));
    }
}

/* A request that has nothing but what nginx itself needs to look a variable up. */
static void
evaluate(ngx_cycle_t *cycle, ngx_http_conf_ctx_t *http)
{
    ngx_uint_t           i;
    ngx_str_t            name = ngx_string("authgear_endpoint");
    ngx_http_request_t   request;
    void               **empty = ngx_pcalloc(cycle->pool, sizeof(void *) * ngx_http_max_module);
    void               **levels[] = { NULL, empty, http->srv_conf };

    ngx_http_core_main_conf_t  *core = http->main_conf[ngx_http_core_module.ctx_index];

    for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        ngx_memzero(&request, sizeof(request));
        request.pool = cycle->pool;
        request.main_conf = http->main_conf;
        request.srv_conf = levels[i];
        request.variables = ngx_pcalloc(cycle->pool, core->variables.nelts * sizeof(ngx_http_variable_value_t));
        ngx_http_get_variable(&request, &name, ngx_hash_key(name.data, name.len));
    }
}

static ngx_int_t
start(ngx_cycle_t *cycle)
{
    ngx_conf_t            cf;
    ngx_http_conf_ctx_t  *http = (ngx_http_conf_ctx_t *) cycle->conf_ctx[ngx_http_module.index];

    if (!is_set(http->loc_conf, MADE_BY_HAND)) {
        return NGX_OK;
    }

    ngx_memzero(&cf, sizeof(cf));
    cf.pool = cycle->pool;
    cf.log = cycle->log;
    cf.cycle = cycle;
    merge_incomplete(&cf, authgear(cycle)->ctx, http);
    create_and_set_incomplete(&cf, authgear(cycle));
    evaluate(cycle, http);
    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "made by hand: survived");
    return NGX_OK;
}

/* The same location once more, with a level of the module's that was made just now. */
static ngx_int_t
relocate(ngx_http_request_t *r)
{
    void                **copy;
    ngx_conf_t            cf;
    ngx_module_t         *module = authgear((ngx_cycle_t *) ngx_cycle);
    ngx_http_module_t    *theirs = module->ctx;
    ngx_http_conf_ctx_t   ctx;

    if (!is_set(r->loc_conf, RELOCATED)) {
        return NGX_DECLINED;
    }

    copy = ngx_palloc(r->pool, sizeof(void *) * ngx_http_max_module);
    ngx_memcpy(copy, r->loc_conf, sizeof(void *) * ngx_http_max_module);
    ngx_memzero(&cf, sizeof(cf));
    cf.pool = r->pool;
    cf.log = r->connection->log;
    cf.cycle = (ngx_cycle_t *) ngx_cycle;
    cf.ctx = &ctx;
    ctx.main_conf = r->main_conf;
    ctx.srv_conf = r->srv_conf;
    ctx.loc_conf = copy;
    copy[module->ctx_index] = theirs->create_loc_conf(&cf);

    if (theirs->merge_loc_conf(&cf, r->loc_conf[module->ctx_index], copy[module->ctx_index]) != NGX_CONF_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->loc_conf = copy;
    return NGX_DECLINED;
}

/* nginx lets no client send two. */
static ngx_int_t
add_authorization(ngx_http_request_t *r)
{
    ngx_table_elt_t  *header;

    if (!is_set(r->loc_conf, TWICE)) {
        return NGX_DECLINED;
    }

    header = ngx_list_push(&r->headers_in.headers);

    if (header == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(header, sizeof(*header));
    header->hash = 1;
    ngx_str_set(&header->key, "Authorization");
    ngx_str_set(&header->value, "Basic eDp5");
    header->lowcase_key = (u_char *) "authorization";
    return NGX_DECLINED;
}

static void
call_in(ngx_conf_t *cf, ngx_uint_t phase, ngx_http_handler_pt handler)
{
    ngx_http_core_main_conf_t  *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    ngx_http_handler_pt        *place = ngx_array_push(&core->phases[phase].handlers);

    *place = handler;
}

static ngx_int_t
after(ngx_conf_t *cf)
{
    call_in(cf, NGX_HTTP_REWRITE_PHASE, add_authorization);
    call_in(cf, NGX_HTTP_PREACCESS_PHASE, relocate);
    return NGX_OK;
}
