"""An evaluation as one offline page: images, classes, confusion, calibration, and two reports compared.

pictures = picture_images(report, model, dataset)  # of the worst images
save_report_page(report, "report.html", pictures)
"""

from swinviz.report_page.html import save_report_page
from swinviz.report_page.pictures import Pictures, picture_images

__all__ = ["Pictures", "picture_images", "save_report_page"]
