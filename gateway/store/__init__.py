"""What must outlive the process: workspaces, apps and their credentials, behind one port."""
