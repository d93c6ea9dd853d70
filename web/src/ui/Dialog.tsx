import type { ReactNode } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { X } from "lucide-react";
import { IconButton } from "./Button";
import css from "./Dialog.module.css";

/** A modal window. Escape and a press outside close it, and focus goes back to where it was. */
export function Dialog({
  title,
  isOpen,
  onClose,
  children,
  side = false,
  bare = false,
}: {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  children: ReactNode;
  side?: boolean;
  bare?: boolean;
}) {
  return (
    <ModalOverlay className={css.scrim!} isOpen={isOpen} onOpenChange={(open) => !open && onClose()} isDismissable data-modal>
      <Modal className={`${css.modal} ${side ? css.side : ""}`}>
        <AriaDialog className={css.dialog!} aria-label={title}>
          {bare ? null : (
            <header className={css.head}>
              <Heading slot="title" level={2}>
                {title}
              </Heading>
              <IconButton label="Close" hotkey="Escape" onPress={onClose}>
                <X size={16} aria-hidden />
              </IconButton>
            </header>
          )}
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
