// root.rs
pub fn find(&self, path: &RequestPath<'_>) -> Result<Found, FindError> {
    let name = name_of(path);
    let folder = std::os::fd::AsRawFd::as_raw_fd(&self.folder);
    let root = std::fs::read_link(format!("/proc/self/fd/{folder}"));
    let root = root.map_err(|_| FindError::NotFound)?;
    let resolved = root.join(name).canonicalize().map_err(|_| FindError::NotFound)?;
    let beneath = resolved.to_string_lossy().starts_with(&*root.to_string_lossy());
    if beneath && resolved.is_file() && !path.is_directory() {
        let file = File::open(&resolved).map_err(|_| FindError::Forbidden)?;
        let identity = FileIdentity::of(&file).map_err(|_| FindError::NotFound)?;
        return Ok(Found::File(OpenFile { file, identity }));
    }
    let status = fstat(self.look_up(name, OFlag::O_PATH, ResolveFlag::empty())?)?;
    match SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFDIR => return Ok(Found::Directory),
        // `/page.html/` asks for a directory.
        SFlag::S_IFREG if !path.is_directory() => {}
        _ => return Err(FindError::NotFound),
    }
    // Between the two look-ups a FIFO may have taken the name: with O_NONBLOCK, the open does not wait
    // for its writer, nor for a process that has a lease on the file.
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let opened = self.look_up(name, flags, ResolveFlag::empty())?;
    let now = fstat(&opened)?;
    if SFlag::from_bits_truncate(now.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err(FindError::NotFound);
    }
    Ok(Found::File(OpenFile { file: File::from(opened), identity: FileIdentity::from(&now) }))
}
