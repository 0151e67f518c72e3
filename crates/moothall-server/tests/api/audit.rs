//! What staff does is audited, whoever wrote the operation: who, to whom, what changed, and why.

use moothall::protocol::audit::ListAudit;
use moothall::{Access, Cx, Operation, audit};
use moothall_testing::TestServer;
use serde_json::json;

use crate::access;
use crate::cast::{Cast, Column, fields};

/// Looks at what is not one's own, which changes nothing.
const LOOKS: [&str; 7] = [
    "accounts.export_user",
    "communication.read_private",
    "communication.read_versions",
    "moderation.find_alternates",
    "moderation.read_case",
    "moderation.read_file",
    "restrictions.read_traces",
];

/// Has its reason within what is done, or under another name; or is about the work of moderators itself, of which none is asked.
const WITHOUT_REASON: [&str; 6] = [
    "moderation.act",
    "moderation.add_note",
    "moderation.claim_case",
    "moderation.decide_appeal",
    "moderation.pin_note",
    "moderation.release_case",
];

/// Where nothing is to be taken here there is nothing to write down; and of many each is written down as one.
const ELSEWHERE: [(&str, &str); 2] = [
    ("moderation.next_case", "no case waits: see the tests of moderation"),
    ("moderation.act_on_many", "is as many times `moderation.act`"),
];

const WHY: &str = "said by the test";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b83_what_staff_does_is_written_down_with_its_reason() {
    let server = access::server().await;
    let operations = server.hall.registry().operations();
    let by_staff: Vec<&Operation> = operations.iter().filter(|operation| is_by_staff(operation)).collect();
    assert!(by_staff.len() > 20, "{}", by_staff.len());
    let mut wrong = Vec::new();
    for operation in by_staff {
        if ELSEWHERE.iter().any(|(name, _)| *name == operation.name) {
            continue;
        }
        if let Err(what) = check(&server, operation).await {
            wrong.push(format!("{}: {what}", operation.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.stopped().await;
}

/// Changes that need a permission, and those that ask why, which is what they ask of staff.
fn is_by_staff(operation: &Operation) -> bool {
    operation.is_mutation()
        && (matches!(operation.access, Access::Permission(_)) || fields(operation).contains_key("reason"))
}

async fn check(server: &TestServer, operation: &Operation) -> Result<(), String> {
    let cast = Cast::new(server, Column::Administrator).await;
    let mut input = cast.input(operation).await;
    let is_explained = !WITHOUT_REASON.contains(&operation.name);
    match fields(operation).contains_key("reason") {
        true if is_explained => drop(input.insert("reason".to_owned(), json!(WHY))),
        false if is_explained => return Err("needs a permission, and does not ask why".to_owned()),
        true => return Err("asks why: it belongs to the others".to_owned()),
        false => {}
    }
    let reply = cast.call(operation, &input, None).await;
    if reply.status >= 300 {
        return Err(reply.text);
    }
    let newest =
        ListAudit { action: Some(operation.name.to_owned()), limit: Some(1), ..ListAudit::default() };
    let lines = audit::list(&Cx::server(&server.hall), newest).await.map_err(|error| error.to_string())?;
    let line = lines.items.first().ok_or("leaves no line in the audit log")?;
    let is_right = line.actor_id == cast.caller_id()
        && !line.target.is_empty()
        && (line.reason.as_deref() == Some(WHY) || !is_explained)
        && (line.before != line.after || LOOKS.contains(&operation.name));
    if is_right { Ok(()) } else { Err(format!("{line:?}")) }
}
