function user(r) {
    return r.headersIn['X-Authgear-User-Id'] || '';
}

function content(r) {
    r.return(200, `${user(r) || 'nobody'} ${r.headersIn['x-authgear-session-valid'] || 'unsaid'}\n`);
}

async function subrequest(r) {
    const answer = await r.subrequest('/inner');
    r.return(answer.status, answer.responseText);
}

async function area(r) {
    const answer = await r.subrequest('/area');
    r.return(answer.status, answer.responseText);
}

function leads(r) {
    r.internalRedirect(r.args.to || '@named');
}

function variables(r) {
    const names = ['user_id', 'claim_tenant', 'source', 'result'];
    const values = names.map((name) => r.variables[`authgear_${name}`] || '');
    r.return(200, `${values.join('|')}\n`);
}

export default { user, content, subrequest, area, leads, variables };
