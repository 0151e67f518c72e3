//! A disk that forgets what was not synced: a small FUSE file system, flat and in memory.
//!
//! What is written stays in the disk's own cache, by pages of 4 KiB, until `fsync` of the file; names stay there until `fsync` of the
//! file or of the directory. [`Disk::cut`] makes every further call fail; [`Disk::after_cut`] is what is left: what was synced, and
//! of the pages in the cache none, or a random half.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};
use parking_lot::{Mutex, MutexGuard};

const PAGE: usize = 4_096;
const ROOT: u64 = 1;
/// Nothing is kept by the kernel: names and sizes are asked for each time.
const NEVER: Duration = Duration::ZERO;

/// What becomes of the pages that were written and not synced.
#[derive(Clone, Copy, Debug)]
pub enum Cache {
    /// All are lost.
    Lost,
    /// About half of them reached the disk, in no order; which ones, this number decides.
    Half(u64),
}

/// The disk. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: HashMap<u64, File>,
    names: HashMap<OsString, u64>,
    synced_names: HashMap<OsString, u64>,
    is_cut: bool,
    /// What is written stays in the cache, and whoever asks to sync hears that it failed.
    fails_to_sync: bool,
}

#[derive(Clone, Debug, Default)]
struct File {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// Pages that differ from what was synced.
    dirty: BTreeSet<usize>,
}

impl File {
    fn write(&mut self, offset: usize, data: &[u8]) {
        let end = offset + data.len();
        if self.now.len() < end {
            self.now.resize(end, 0);
        }
        self.now[offset..end].copy_from_slice(data);
        self.dirty.extend(offset / PAGE..end.div_ceil(PAGE));
    }

    fn resize(&mut self, length: usize) {
        let (shorter, longer) = (self.now.len().min(length), self.now.len().max(length));
        self.now.resize(length, 0);
        self.dirty.extend(shorter / PAGE..longer.div_ceil(PAGE));
    }

    fn sync(&mut self, reached: impl Fn(usize) -> bool) {
        for page in std::mem::take(&mut self.dirty) {
            let (start, end) = (page * PAGE, ((page + 1) * PAGE).min(self.now.len()));
            if start < end && reached(page) {
                if self.synced.len() < end {
                    self.synced.resize(end, 0);
                }
                self.synced[start..end].copy_from_slice(&self.now[start..end]);
            }
        }
    }
}

impl Disk {
    /// From now on nothing works any more.
    pub fn cut(&self) {
        self.0.lock().is_cut = true;
    }

    /// From now on nothing is synced any more; everything else works.
    pub fn fail_to_sync(&self) {
        self.0.lock().fails_to_sync = true;
    }

    /// The disk when the power is back.
    pub fn after_cut(&self, cache: Cache) -> Self {
        let state = self.0.lock();
        let mut left = State { names: state.synced_names.clone(), ..State::default() };
        for id in left.names.values() {
            let mut file = state.files[id].clone();
            if let Cache::Half(seed) = cache {
                file.sync(|page| super::chance(seed ^ (id << 32) ^ page as u64).is_multiple_of(2));
            }
            let synced = file.synced;
            left.files.insert(*id, File { now: synced.clone(), synced, dirty: BTreeSet::new() });
        }
        left.synced_names.clone_from(&left.names);
        Self(Arc::new(Mutex::new(left)))
    }

    /// Makes its files appear in this folder, for as long as the session is kept.
    pub fn mount(&self, folder: &Path) -> std::io::Result<BackgroundSession> {
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("moothall-power".to_owned())];
        fuser::spawn_mount(self.clone(), folder, &config)
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let state = self.0.lock();
        if state.is_cut { Err(Errno::EIO) } else { Ok(state) }
    }

    fn file<T>(&self, id: INodeNo, work: impl FnOnce(&mut File) -> T) -> Result<T, Errno> {
        let mut state = self.state()?;
        state.files.get_mut(&id.0).map(work).ok_or(Errno::ENOENT)
    }

    fn attributes(&self, id: u64) -> Result<FileAttr, Errno> {
        if id == ROOT {
            return Ok(attributes(ROOT, FileType::Directory, 0));
        }
        self.file(INodeNo(id), |file| attributes(id, FileType::RegularFile, file.now.len() as u64))
    }

    fn find(&self, name: &OsStr) -> Result<FileAttr, Errno> {
        let id = self.state()?.names.get(name).copied().ok_or(Errno::ENOENT)?;
        self.attributes(id)
    }

    fn make(&self, name: &OsStr) -> Result<FileAttr, Errno> {
        let mut state = self.state()?;
        let id = state.files.keys().max().map_or(ROOT + 1, |last| last + 1);
        state.files.insert(id, File::default());
        state.names.insert(name.to_owned(), id);
        Ok(attributes(id, FileType::RegularFile, 0))
    }

    fn sync(&self, id: INodeNo) -> Result<(), Errno> {
        let mut state = self.state()?;
        if state.fails_to_sync {
            return Err(Errno::EIO);
        }
        let file = state.files.get_mut(&id.0).ok_or(Errno::ENOENT)?;
        file.sync(|_| true);
        let length = file.now.len();
        file.synced.resize(length, 0);
        let names: Vec<_> =
            state.names.iter().filter(|(_, of)| **of == id.0).map(|(name, _)| name.clone()).collect();
        state.synced_names.extend(names.into_iter().map(|name| (name, id.0)));
        Ok(())
    }
}

fn attributes(id: u64, kind: FileType, size: u64) -> FileAttr {
    let time: SystemTime = UNIX_EPOCH;
    FileAttr {
        ino: INodeNo(id),
        size,
        blocks: size.div_ceil(512),
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind,
        perm: if kind == FileType::Directory { 0o755 } else { 0o644 },
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: PAGE as u32,
        flags: 0,
    }
}

fn answer(outcome: Result<(), Errno>, reply: ReplyEmpty) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for Disk {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.find(name) {
            Ok(found) => reply.entry(&NEVER, &found, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, id: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(id.0) {
            Ok(found) => reply.attr(&NEVER, &found),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        id: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let resized = match size {
            Some(size) => self.file(id, |file| file.resize(size as usize)),
            None => Ok(()),
        };
        match resized.and_then(|()| self.attributes(id.0)) {
            Ok(found) => reply.attr(&NEVER, &found),
            Err(error) => reply.error(error),
        }
    }

    fn create(
        &self,
        _: &Request,
        _: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        match self.make(name) {
            Ok(made) => reply.created(&NEVER, &made, Generation(0), FileHandle(0), FopenFlags::empty()),
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let removed =
            self.state().and_then(|mut state| state.names.remove(name).map(drop).ok_or(Errno::ENOENT));
        answer(removed, reply);
    }

    fn rename(
        &self,
        _: &Request,
        _: INodeNo,
        name: &OsStr,
        _: INodeNo,
        new: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let renamed = self.state().and_then(|mut state| {
            let id = state.names.remove(name).ok_or(Errno::ENOENT)?;
            state.names.insert(new.to_owned(), id);
            Ok(())
        });
        answer(renamed, reply);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.state() {
            Ok(_) => reply.opened(FileHandle(0), FopenFlags::empty()),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        id: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.file(id, |file| {
            let start = (offset as usize).min(file.now.len());
            let end = (start + size as usize).min(file.now.len());
            file.now[start..end].to_vec()
        });
        match read {
            Ok(data) => reply.data(&data),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        id: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.file(id, |file| file.write(offset as usize, data)) {
            Ok(()) => reply.written(data.len() as u32),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        answer(self.state().map(drop), reply);
    }

    fn fsync(&self, _: &Request, id: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        answer(self.sync(id), reply);
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let synced = self.state().map(|mut state| state.synced_names = state.names.clone());
        answer(synced, reply);
    }

    fn readdir(&self, _: &Request, _: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let names: Vec<_> = match self.state() {
            Ok(state) => state.names.iter().map(|(name, id)| (name.clone(), *id)).collect(),
            Err(error) => return reply.error(error),
        };
        for (place, (name, id)) in names.into_iter().enumerate().skip(offset as usize) {
            if reply.add(INodeNo(id), place as u64 + 1, FileType::RegularFile, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, PAGE as u32, 255, PAGE as u32);
    }
}

/// Takes a mounted disk away, and waits until nobody answers for it any more.
pub fn unmount(session: BackgroundSession) {
    match session.umount_and_join() {
        // The kernel may cut the connection before the thread that serves it has heard that it is over.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
        ended => ended.unwrap(),
    }
}
