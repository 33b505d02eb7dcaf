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

export default { user, content, subrequest };
