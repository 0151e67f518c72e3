//! Operations of an embedding program: notes, in memory, with one of every shape the door knows.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moothall::operation::Rate;
use moothall::{Access, Cx, Error, Operations};
use moothall_protocol::{Cursor, Id, IdKind, Page};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug)]
pub enum NoteKind {}

impl IdKind for NoteKind {
    const SCHEMA: &'static str = "NoteId";
    const ABOUT: &'static str = "A note.";
}

type NoteId = Id<NoteKind>;

static NOTES: LazyLock<Mutex<HashMap<NoteId, Note>>> = LazyLock::new(Mutex::default);
/// How often `slow` has been finished.
pub static FINISHED: AtomicU64 = AtomicU64::new(0);

pub fn operations() -> Operations {
    Operations::context("notes", "Notes that an embedding program keeps")
        .post("/notes", "notes.create", Access::Public, create)
        .created("/notes/{note_id}")
        .get("/notes", "notes.list", Access::Public, list)
        .get("/notes/big", "notes.big", Access::Public, big)
        .get("/notes/pages", "notes.pages", Access::Public, pages)
        .get("/notes/{note_id}", "notes.get", Access::Public, get)
        .cacheable()
        .get("/notes/{note_id}/read", "notes.read", Access::Public, read)
        .get("/notes/release", "notes.release", Access::Public, release)
        .patch("/notes/{note_id}", "notes.update", Access::Public, update)
        .unguarded()
        .delete("/notes/{note_id}", "notes.delete", Access::Public, delete)
        .unguarded()
        .post("/notes/panic", "notes.panic", Access::Public, panic)
        .post("/notes/slow", "notes.slow", Access::Public, slow)
        .rate(Rate::Social)
        .unguarded()
        .get("/notes/wait", "notes.wait", Access::Public, slow)
        .post("/notes/secret", "notes.secret", Access::Player, secret)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    pub note_id: NoteId,
    pub version: i64,
    pub text: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    Newest,
    Oldest,
}

/// Counts, from the cursor on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountPages {
    /// Up to this.
    pub count: u64,
    /// How many at once.
    #[schemars(range(min = 1, max = 200))]
    pub limit: u64,
    /// From there.
    #[serde(default)]
    pub cursor: Option<Cursor>,
}

/// One number.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Counted {
    /// It.
    pub number: u64,
}

async fn pages(_: &Cx, input: CountPages) -> Result<Page<Counted>, Error> {
    let wrong = || Error::field("/cursor", "invalid", "this is no cursor of this list");
    let from = match input.cursor {
        Some(cursor) => cursor.key::<u64>().ok_or_else(wrong)?,
        None => 0,
    };
    let to = input.count.min(from + input.limit);
    let items = (from..to).map(|number| Counted { number }).collect();
    Ok(Page { items, next: (to < input.count).then(|| Cursor::of(&to)) })
}

/// Writes a note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateNote {
    /// What it says.
    #[schemars(length(min = 1, max = 20))]
    pub text: String,
    /// Anything.
    #[serde(default)]
    pub extra: Option<serde_json::Value>,
}

async fn create(cx: &Cx, input: CreateNote) -> Result<Note, Error> {
    let note = Note { note_id: cx.new_id(), version: 1, text: input.text };
    let note = cx.mutate(move |_| Ok::<_, Error>(note.clone())).await?;
    NOTES.lock().insert(note.note_id, note.clone());
    Ok(note)
}

/// Lists nothing, and says what it was asked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListNotes {
    #[serde(default)]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub near: Option<Vec<i64>>,
    #[serde(default)]
    pub is_loud: bool,
    #[serde(default)]
    pub order: Option<Order>,
    #[serde(default)]
    pub score: Option<f64>,
}

async fn list(_: &Cx, input: ListNotes) -> Result<ListNotes, Error> {
    Ok(input)
}

/// Reads a note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetNote {
    pub note_id: NoteId,
}

async fn get(_: &Cx, input: GetNote) -> Result<Note, Error> {
    NOTES.lock().get(&input.note_id).cloned().ok_or(Error::NotFound)
}

/// A note, and how often it was looked at.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReadNote {
    pub note_id: NoteId,
    pub version: i64,
    /// Changes without the version.
    pub looks: u64,
}

async fn read(_: &Cx, input: GetNote) -> Result<ReadNote, Error> {
    static LOOKS: AtomicU64 = AtomicU64::new(0);
    let note = NOTES.lock().get(&input.note_id).cloned().ok_or(Error::NotFound)?;
    Ok(ReadNote { note_id: note.note_id, version: note.version, looks: LOOKS.fetch_add(1, Ordering::SeqCst) })
}

/// Something whose version is no number that counts changes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Release {
    pub version: String,
}

async fn release(_: &Cx, _: Nothing) -> Result<Release, Error> {
    Ok(Release { version: "1.2.3".to_owned() })
}

/// Changes a note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateNote {
    pub note_id: NoteId,
    #[schemars(length(min = 1, max = 20))]
    pub text: String,
    #[serde(default)]
    pub if_version: Option<i64>,
}

async fn update(_: &Cx, input: UpdateNote) -> Result<Note, Error> {
    let mut notes = NOTES.lock();
    let note = notes.get_mut(&input.note_id).ok_or(Error::NotFound)?;
    if input.if_version.is_some_and(|version| version != note.version) {
        return Err(Error::VersionConflict { version: note.version });
    }
    note.text = input.text;
    note.version += 1;
    Ok(note.clone())
}

async fn delete(_: &Cx, input: GetNote) -> Result<(), Error> {
    NOTES.lock().remove(&input.note_id).map(drop).ok_or(Error::NotFound)
}

/// Nothing.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

async fn panic(_: &Cx, _: Nothing) -> Result<(), Error> {
    panic!("as it was told to");
}

async fn slow(_: &Cx, _: Nothing) -> Result<(), Error> {
    tokio::time::sleep(Duration::from_millis(400)).await;
    FINISHED.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

/// For those who are signed in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    pub answer: u8,
}

async fn secret(_: &Cx, _: Secret) -> Result<(), Error> {
    Ok(())
}

/// A lot of text: more than a socket's buffers hold.
async fn big(_: &Cx, _: Nothing) -> Result<String, Error> {
    Ok("x".repeat(32 * 1024 * 1024))
}
