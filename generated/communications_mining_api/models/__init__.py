"""The models of the package, one module each."""

from .annotated_comment import AnnotatedComment
from .annotations import Annotations
from .assigned_label import AssignedLabel
from .assigned_labels import AssignedLabels
from .comment import Comment
from .comment_order import CommentOrder
from .create_dataset_request import CreateDatasetRequest
from .dataset import Dataset
from .dataset_changes import DatasetChanges
from .dataset_list import DatasetList
from .dataset_reply import DatasetReply
from .deletion_reply import DeletionReply
from .error_body import ErrorBody
from .export_page import ExportPage
from .export_request import ExportRequest
from .json_object import JsonObject
from .label_property import LabelProperty
from .message import Message
from .message_text import MessageText
from .model_tag import ModelTag
from .model_tag_list import ModelTagList
from .new_dataset import NewDataset
from .predicted_label import PredictedLabel
from .predictions import Predictions
from .reply_status import ReplyStatus
from .update_dataset_request import UpdateDatasetRequest

__all__ = (
    "AnnotatedComment",
    "Annotations",
    "AssignedLabel",
    "AssignedLabels",
    "Comment",
    "CommentOrder",
    "CreateDatasetRequest",
    "Dataset",
    "DatasetChanges",
    "DatasetList",
    "DatasetReply",
    "DeletionReply",
    "ErrorBody",
    "ExportPage",
    "ExportRequest",
    "JsonObject",
    "LabelProperty",
    "Message",
    "MessageText",
    "ModelTag",
    "ModelTagList",
    "NewDataset",
    "PredictedLabel",
    "Predictions",
    "ReplyStatus",
    "UpdateDatasetRequest",
)
