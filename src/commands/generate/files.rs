//! The traffic as the files of a trail's bucket.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use insightd_generate::Organization;
use insightd_generate::delivery::File;
use insightd_generate::json::{Callers, Writer};
use insightd_generate::layout;
use sysexits::ExitCode;

use super::{Progress, Written, callers, delivery, pool};
use crate::commands::exit_error::ExitError;

/// Creates the folder. Refuses one that is not empty.
pub(super) fn prepare(folder: &Path) -> Result<(), ExitError> {
    let refused = |text: String| ExitError::new(ExitCode::CantCreat, text);
    let failed = |error: io::Error| refused(format!("cannot create the folder {}: {error}", folder.display()));
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(refused(format!("folder {} is not empty: name a new one, nothing is overwritten", folder.display())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(folder).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

/// Writes all files, account by account.
pub(super) fn write(
    folder: &Path,
    organization: &Organization,
    threads: usize,
    progress: &Progress,
) -> Result<Written, ExitError> {
    let files = organization.accounts().iter().enumerate().flat_map(|(number, account)| {
        let callers = callers(account);
        delivery(account).map(move |file| (number, callers.clone(), file))
    });
    let worker = || {
        let mut files = Files { folder, writer: Writer::default(), json: Vec::new() };
        move |(number, callers, file): (usize, Arc<Callers>, File)| {
            files.write(&callers, &file).map(|written| (number, file.delivered, written))
        }
    };
    let mut total = Written::default();
    let outcome = pool::in_order(files, threads, worker, |result| {
        let (number, time, written) = result?;
        total.add(written);
        progress.account(number, time, &total);
        Ok(())
    });
    progress.finish();
    outcome.map(|()| total)
}

/// What one thread needs to write files.
struct Files<'a> {
    folder: &'a Path,
    writer: Writer,
    json: Vec<u8>,
}

impl Files<'_> {
    fn write(&mut self, callers: &Callers, file: &File) -> Result<Written, ExitError> {
        self.json.clear();
        layout::write(&mut self.writer, callers, file, &mut self.json);
        let path = self.folder.join(layout::path(callers.account(), file));
        let compressed = gzip(&self.json)
            .and_then(|bytes| create(&path, &bytes).map(|()| bytes.len()))
            .map_err(|error| ExitError::io(format!("cannot write {}: {error}", path.display())))?;
        Ok(Written {
            records: file.calls.len() as u64,
            files: 1,
            bytes: self.json.len() as u64,
            compressed: compressed as u64,
        })
    }
}

/// Compresses at the fastest level: compression costs more than making the records.
fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Writes a file. Creates the folders above it if it is the first in them.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::write(path, bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            fs::write(path, bytes)
        }
        outcome => outcome,
    }
}
